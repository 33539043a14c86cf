//! Partitions that `init` could not mount, in a file that it leaves for `noded`.

use serde::{Deserialize, Serialize};

/// The file: a list of [`Damage`] as JSON. Absent if both partitions are mounted.
pub const DAMAGE_PATH: &str = "/run/ironhull/damage.json";
/// Maximum length of the file in bytes.
pub const MAX_DAMAGE_BYTES: u64 = 128 << 10;

/// A partition that could not be mounted. It was left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Its label, `state` or `data`.
    pub label: String,
    /// Path of its device, such as `/dev/vda7`; absent if the disk has no such partition.
    pub device: Option<String>,
    /// Why it could not be mounted, in one line.
    pub problem: String,
    /// What the check before the mount said, if there was one.
    pub check: Vec<String>,
}

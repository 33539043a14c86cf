//! Which partitions are usable after the initrd phase.

use serde::{Deserialize, Serialize};

/// How whole the machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Condition {
    /// Why the state partition cannot be used.
    pub(crate) state: Option<String>,
    /// Why the data partition cannot be used.
    pub(crate) data: Option<String>,
}

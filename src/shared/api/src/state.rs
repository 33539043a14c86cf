//! The data that outlives a generation, its snapshots, and what an operator may order about them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The data on the state partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// The generation that wrote it last; 0 when nothing is recorded.
    pub generation: u32,
    /// Version of each part, by name, such as `etcd`.
    pub versions: BTreeMap<String, u32>,
    /// It holds what was written under a generation that was ever blessed: only an order puts it aside.
    pub blessed: bool,
    /// Why no service starts; absent when all is well.
    pub problem: Option<String>,
    /// The generations in the slots of which it is known that they read it.
    pub readers: Vec<u32>,
    /// What an operator may do about `problem`, one line each: the words after `ironhull node ADDRESS`, a colon, what it
    /// leads to.
    pub remedies: Vec<String>,
    /// The snapshot that is restored at the next boot, by an order.
    pub restore: Option<String>,
    /// The snapshots, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// Bytes that are free on the state partition.
    pub free_bytes: u64,
}

/// A copy of the data, or data that was put aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Snapshot {
    /// Its name, such as `g1-4`: the fourth snapshot of this disk, of what generation 1 left.
    pub id: String,
    /// `copy`, `put-aside`, `store` (only the data of etcd or kine), or `damaged`; the rest is empty then.
    pub kind: String,
    /// The generation that wrote it last.
    pub generation: u32,
    /// Version of each part, by name.
    pub versions: BTreeMap<String, u32>,
    /// It holds what was written under a generation that was ever blessed.
    pub blessed: bool,
    /// The running generation reads it.
    pub readable: bool,
    /// Its length in bytes.
    pub bytes: u64,
}

/// An order about a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateRequest {
    /// Its name. Absent in an order to restore: the one that was given before is taken back.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// Only check whether it could be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What became of an order about a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StateOrdered {
    /// What happens, or would happen, in one line.
    pub what: String,
    /// It happens at the next boot, since services run.
    pub at_next_boot: bool,
}

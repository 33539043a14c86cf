//! The store of the cluster, etcd or kine: its snapshots, and their restore.
//!
//! A snapshot is a file as `etcdctl snapshot save` writes it: the store's database, then its SHA-256. That of kine is a
//! database of SQLite. The node streams it while the store runs, without a known length. A restore is uploaded in
//! pieces, as a bundle is; once it is complete, the node does the rest by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Upload;

/// Length of the SHA-256 at the end of a snapshot in bytes.
pub const SNAPSHOT_SUM_BYTES: usize = 32;
/// The longest snapshot that is made or taken, in bytes. etcd warns of databases of more than 8 GiB.
pub const MAX_SNAPSHOT_BYTES: u64 = 16 << 30;

/// How long a snapshot may take until its first byte is there: with kine as long as it takes to copy the database.
pub const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(1800);

/// A request to restore a snapshot of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoreRestoreRequest {
    /// The snapshot that is uploaded.
    pub upload: Upload,
    /// Accept a snapshot of a cluster with other certificate authorities.
    #[serde(default)]
    pub foreign: bool,
    /// Only check whether it could be begun.
    #[serde(default)]
    pub dry_run: bool,
}

/// The state of a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreRestore {
    /// The current stage.
    pub stage: StoreStage,
    /// Bytes received so far.
    pub done_bytes: u64,
    /// Length of the snapshot in bytes.
    pub total_bytes: u64,
    /// The revision of the snapshot, once it was checked.
    pub revision: Option<i64>,
    /// The number of its keys, once it was checked.
    pub keys: Option<u64>,
    /// The name of the snapshot of the state that what the store held before became.
    pub aside: Option<String>,
    /// The error, in one line.
    pub error: Option<String>,
    /// The remedy.
    pub hint: Option<String>,
}

/// A stage of a restore, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreStage {
    /// There was none since the node started.
    #[default]
    None,
    /// Pieces are expected.
    Receiving,
    /// The snapshot is read completely.
    Checking,
    /// The new data is made of it.
    Restoring,
    /// The services that need the store are stopped, and the data is exchanged.
    Exchanging,
    /// The services are starting.
    Starting,
    /// The services run on the restored data.
    Done,
    /// It has failed: `error` says why, and `aside` whether the data was exchanged.
    Failed,
    /// A stage that this reader does not know.
    #[serde(other)]
    Unknown,
}

impl StoreStage {
    /// Returns whether the node is at work.
    #[must_use]
    pub fn is_busy(self) -> bool {
        !matches!(self, StoreStage::None | StoreStage::Receiving | StoreStage::Done | StoreStage::Failed)
    }
}

/// Which snapshot is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotQuery {
    /// The name of one that the node has kept. Absent: a new one.
    #[serde(default)]
    pub kept: Option<String>,
}

/// The snapshots that the node has made by itself, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeptSnapshots {
    /// All of them.
    pub snapshots: Vec<KeptSnapshot>,
}

/// A snapshot that the node has made by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeptSnapshot {
    /// Its name, which is its time in UTC: `20261130T054011Z.db`.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// An order that gives etcd room again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreOrder {
    /// Give the room of deleted data back to the file system.
    Defrag,
    /// Drop the history, defragment, and lift the alarms with which etcd refuses changes.
    Disarm,
}

/// The last order about the store, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreCare {
    /// The order; absent if there was none since the node started.
    pub order: Option<StoreOrder>,
    /// It is being carried out.
    pub running: bool,
    /// What was done, in one line.
    pub result: Option<String>,
    /// The error, in one line.
    pub error: Option<String>,
}

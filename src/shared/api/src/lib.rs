//! The node API: the types of requests and responses between `noded` and `ironhull node`, and the client.
//!
//! HTTPS on port [`PORT`], JSON bodies, routes below `/v1`. Both sides authenticate with a certificate signed
//! by the operator CA. The server's certificate has the name [`SERVER_NAME`], which clients verify whatever
//! address they connect to: a node's addresses change, this name does not. Names in JSON are camelCase; times
//! are milliseconds since the kernel started (`…Ms`) or seconds since 1970 (`…EpochSecs`). A reader ignores
//! unknown fields, so that client and node may be of different versions.
//!
//! | route | body | response |
//! |---|---|---|
//! | `GET /v1/status` | | [`Status`] |
//! | `GET /v1/services` | | [`ServiceList`] |
//! | `GET /v1/logs?service=&lines=&follow=&generation=` | | lines, each a [`LogLine`]; empty ones keep the
//! connection alive |
//! | `POST /v1/services/{name}/restart` | | [`Done`] |
//! | `POST /v1/services/{name}/signal` | [`SignalRequest`] | [`Done`] |
//! | `POST /v1/kubeconfig` | [`KubeconfigRequest`] | [`Kubeconfig`] |
//! | `GET /v1/tokens` | | [`TokenList`] |
//! | `POST /v1/tokens` | [`TokenRequest`] | [`CreatedToken`] |
//! | `POST /v1/tokens/{id}/revoke` | | [`Done`] |
//! | `POST /v1/boot/rollback`, `POST /v1/boot/cancel` | | [`Done`], or 409 |
//! | `POST /v1/boot/once` | [`BootOnceRequest`] | [`Done`], or 409 |
//! | `POST /v1/state/restore`, `POST /v1/state/remove` | [`StateRequest`] | [`StateOrdered`], or 409 |
//! | `GET /v1/partitions` | | [`PartitionList`] |
//! | `POST /v1/partitions/{name}/check` | [`CheckRequest`] | [`PartitionList`], or 409 |
//! | `POST /v1/partitions/{name}/wipe` | [`WipeRequest`] | [`Wiped`], or 409 |
//! | `GET /v1/store/snapshot?kept=` | | the snapshot, or 409; 404 for an unknown `kept` |
//! | `GET /v1/store/kept` | | [`KeptSnapshots`] |
//! | `GET /v1/store/care` | | [`StoreCare`] |
//! | `POST /v1/store/defrag`, `POST /v1/store/disarm` | | [`StoreCare`], or 409 |
//! | `GET /v1/store/restore` | | [`StoreRestore`] |
//! | `POST /v1/store/restore` | [`StoreRestoreRequest`] | [`StoreRestore`], or 409 |
//! | `PUT /v1/store/restore/data?id=&offset=` | a piece of the snapshot, at most [`MAX_PIECE_BYTES`] |
//! [`StoreRestore`], or 409 |
//! | `GET /v1/upgrade` | | [`Upgrade`] |
//! | `POST /v1/upgrade` | [`UpgradeRequest`] | [`Upgrade`], or 409 |
//! | `PUT /v1/upgrade/data?id=&offset=` | a piece of the bundle, at most [`MAX_PIECE_BYTES`] | [`Upgrade`],
//! or 409 |
//! | `POST /v1/upgrade/cancel` | | [`Upgrade`], or 409 |
//! | `GET /v1/time` | | [`Time`] |
//! | `POST /v1/time/accept` | | [`Time`], or 409 |
//! | `POST /v1/time/set` | [`TimeSetRequest`] | [`Time`], or 409 |
//! | `POST /v1/reboot`, `POST /v1/shutdown` | | [`Done`] |
//!
//! A node in maintenance (without a config, as a rule) has other routes, and none of these. Its certificate is made at
//! each start and signs itself; the [`PairingCode`] on its console names its key and authorises the client, which sends
//! `Authorization: Pairing SECRET`:
//!
//! | route | body | response |
//! |---|---|---|
//! | `GET /v1/maintenance` | | [`Maintenance`] |
//! | `GET /v1/maintenance/links` | | [`LinkList`] |
//! | `GET /v1/maintenance/disks` | | [`DiskList`] |
//! | `GET /v1/maintenance/logs?service=&lines=&follow=` | | lines, as `/v1/logs` |
//! | `GET /v1/maintenance/partitions`, and orders below it | | as `/v1/partitions` |
//! | `POST /v1/maintenance/reboot`, `POST /v1/maintenance/shutdown` | | [`Done`] |
//! | `GET /v1/maintenance/install` | | [`Installation`] |
//! | `POST /v1/maintenance/install` | [`InstallOrder`] | [`Installation`], 422 if no disk is meant, 409 if it holds data |
//! | `POST /v1/maintenance/config` | the node's documents, at most [`MAX_CONFIG_BYTES`] | [`Done`], 422 with the
//! errors, or 409 |
//!
//! Every failure is an [`ErrorBody`] with a status of 400 or more.
#![forbid(unsafe_code)]

mod boot;
#[cfg(feature = "client")]
mod call;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod error;
mod kubeconfig;
mod line;
#[cfg(feature = "client")]
mod logs;
mod maintenance;
#[cfg(feature = "client")]
mod maintenance_client;
mod pairing;
mod partition;
#[cfg(feature = "client")]
mod partition_calls;
mod service;
mod state;
mod status;
mod store;
mod time;
mod token;
mod upgrade;

pub use boot::{Boot, BootOnceRequest, Slot, Trial};
/// Times as text, as the API's clients show them.
pub use calendar::{parse_utc, utc};
#[cfg(feature = "client")]
pub use client::{Client, Credentials};
#[cfg(feature = "client")]
pub use error::ClientError;
pub use imagefacts::{DiskSizes, ImageFacts, StateVersions};
pub use kubeconfig::{DEFAULT_TTL_SECS, Kubeconfig, KubeconfigRequest, MAX_TTL_SECS, MIN_TTL_SECS};
pub use line::one_line;
#[cfg(feature = "client")]
pub use logs::Logs;
pub use maintenance::{
    Disk, DiskList, InstallOrder, InstallStage, Installation, Link, LinkList, MAX_CONFIG_BYTES, Maintenance,
    MaintenanceReason, PAIRING_SCHEME,
};
#[cfg(feature = "client")]
pub use maintenance_client::MaintenanceClient;
pub use pairing::{PairingCode, PairingCodeError, PairingSecret};
pub use partition::{
    CheckRequest, CheckResult, DamagedPartition, PartitionCheck, PartitionList, PartitionName, WipeRequest,
    Wiped,
};
#[cfg(feature = "client")]
pub use partition_calls::PartitionCalls;
use serde::{Deserialize, Serialize};
pub use service::{LogLine, LogQuery, MAX_LOG_LINES, Service, ServiceList, ServiceState, SignalRequest};
pub use state::{Snapshot, State, StateOrdered, StateRequest};
pub use status::{
    CertificateExpiry, Condition, ConditionStatus, ConfigFacts, Memory, PassedOver, Stage, Status,
};
pub use store::{
    KeptSnapshot, KeptSnapshots, MAX_SNAPSHOT_BYTES, SNAPSHOT_PATIENCE, SNAPSHOT_SUM_BYTES, SnapshotQuery,
    StoreCare, StoreOrder, StoreRestore, StoreRestoreRequest, StoreStage,
};
pub use time::{Time, TimeRefused, TimeServer, TimeSetRequest};
pub use token::{
    CreatedToken, DEFAULT_TOKEN_TTL_SECS, MAX_TOKEN_TTL_SECS, MIN_TOKEN_TTL_SECS, TokenFacts, TokenList,
    TokenRequest,
};
pub use upgrade::{
    MAX_PIECE_BYTES, PieceQuery, Upgrade, UpgradeBundle, UpgradeRequest, UpgradeSource, UpgradeStage, Upload,
};

pub use weburl::WebUrl;

/// TCP port of the node API.
pub const PORT: u16 = 9443;
/// The DNS name in every node's server certificate.
pub const SERVER_NAME: &str = "node.ironhull.internal";
/// Maximum length of a request body in bytes.
pub const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Maximum length of a response body in bytes; for logs, of a line.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;

/// The request was carried out, or is about to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One line: what failed, what was expected and what was found.
    pub error: String,
    /// The remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What is wrong in full, as a text of several lines, where one line is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

//! The node API: what `noded` serves and `ironhull node` asks for, as types, and the client.
//!
//! HTTPS on port [`PORT`], JSON bodies, routes below `/v1`. Both sides show a certificate under the
//! operator CA; the server's one carries [`SERVER_NAME`], which clients verify whatever address they
//! connect to: a node's addresses change, its name here does not. Names in JSON are camelCase; times are
//! milliseconds since the kernel started (`…Ms`) or seconds since 1970 (`…EpochSecs`). A reader ignores
//! fields that it does not know, so that client and node may be of different versions.
//!
//! | route | body | answer |
//! |---|---|---|
//! | `GET /v1/status` | | [`Status`] |
//! | `GET /v1/services` | | [`ServiceList`] |
//! | `GET /v1/logs?service=&lines=&follow=&generation=` | | lines, each a [`LogLine`]; empty ones only say "still here" |
//! | `POST /v1/services/{name}/restart` | | [`Done`] |
//! | `POST /v1/services/{name}/signal` | [`SignalRequest`] | [`Done`] |
//! | `POST /v1/kubeconfig` | [`KubeconfigRequest`] | [`Kubeconfig`] |
//! | `POST /v1/boot/rollback`, `POST /v1/boot/cancel` | | [`Done`], or 409 |
//! | `POST /v1/boot/once` | [`BootOnceRequest`] | [`Done`], or 409 |
//! | `GET /v1/upgrade` | | [`Upgrade`] |
//! | `POST /v1/upgrade` | [`UpgradeRequest`] | [`Upgrade`], or 409 |
//! | `PUT /v1/upgrade/data?id=&offset=` | a piece of the bundle, at most [`MAX_PIECE_BYTES`] | [`Upgrade`], or 409 |
//! | `POST /v1/upgrade/cancel` | | [`Upgrade`], or 409 |
//! | `POST /v1/reboot`, `POST /v1/shutdown` | | [`Done`] |
//!
//! Every failure is an [`ErrorBody`] with a status of 400 or more.
#![forbid(unsafe_code)]

mod boot;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod error;
mod kubeconfig;
mod line;
#[cfg(feature = "client")]
mod logs;
mod service;
mod status;
mod upgrade;

pub use boot::{Boot, BootOnceRequest, Slot, Trial};
#[cfg(feature = "client")]
pub use client::{Client, Credentials};
#[cfg(feature = "client")]
pub use error::ClientError;
pub use imagefacts::{ImageFacts, StateVersions};
pub use kubeconfig::{DEFAULT_TTL_SECS, Kubeconfig, KubeconfigRequest, MAX_TTL_SECS, MIN_TTL_SECS};
pub use line::one_line;
#[cfg(feature = "client")]
pub use logs::Logs;
use serde::{Deserialize, Serialize};
pub use service::{LogLine, LogQuery, MAX_LOG_LINES, Service, ServiceList, ServiceState, SignalRequest};
pub use status::{CertificateExpiry, Condition, ConditionStatus, ConfigFacts, Memory, Stage, Status};
pub use upgrade::{
    MAX_PIECE_BYTES, PieceQuery, Upgrade, UpgradeBundle, UpgradeRequest, UpgradeSource, UpgradeStage, Upload,
};

pub use weburl::WebUrl;

/// TCP port of the node API.
pub const PORT: u16 = 9443;
/// The DNS name in every node's server certificate.
pub const SERVER_NAME: &str = "node.ironhull.internal";
/// Longest body of a request in bytes.
pub const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Longest body of an answer in bytes; for logs, the longest line.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;

/// The request was carried out, or will be now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// One line: what failed, expected next to found.
    pub error: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

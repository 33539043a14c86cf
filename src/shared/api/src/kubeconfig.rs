//! Access to the cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Life of the certificate when the request names none: a working day.
pub const DEFAULT_TTL_SECS: u64 = 8 * 3600;
/// Shortest life that may be asked for.
pub const MIN_TTL_SECS: u64 = 60;
/// Longest life that may be asked for: a client certificate cannot be revoked, only outlived.
pub const MAX_TTL_SECS: u64 = 365 * 24 * 3600;

/// What the kubeconfig shall hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubeconfigRequest {
    /// URL of the apiserver as the operator reaches it, such as `https://127.0.0.1:6443`; else the one
    /// that the cluster gives itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Life of the certificate in seconds, [`MIN_TTL_SECS`] to [`MAX_TTL_SECS`], else
    /// [`DEFAULT_TTL_SECS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_secs: Option<u64>,
}

/// A kubeconfig of a cluster administrator. Holds a private key: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubeconfig {
    /// The file as YAML.
    pub kubeconfig: String,
    /// Last second of its life, in seconds since 1970.
    pub not_after_epoch_secs: u64,
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubeconfig").field("not_after_epoch_secs", &self.not_after_epoch_secs).finish()
    }
}

//! Access to the cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Default validity of the certificate: a working day.
pub const DEFAULT_TTL_SECS: u64 = 8 * 3600;
/// Shortest validity that may be requested.
pub const MIN_TTL_SECS: u64 = 60;
/// Longest validity that may be requested: a client certificate can't be revoked.
pub const MAX_TTL_SECS: u64 = 365 * 24 * 3600;

/// The requested properties of a kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubeconfigRequest {
    /// URL of the API server as seen by the operator, such as `https://127.0.0.1:6443`; by default the
    /// cluster's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Validity of the certificate in seconds, [`MIN_TTL_SECS`] to [`MAX_TTL_SECS`]; by default
    /// [`DEFAULT_TTL_SECS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_secs: Option<u64>,
}

/// A kubeconfig of a cluster administrator. It contains a private key, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kubeconfig {
    /// The file as YAML.
    pub kubeconfig: String,
    /// End of its validity, in seconds since 1970.
    pub not_after_epoch_secs: u64,
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubeconfig").field("not_after_epoch_secs", &self.not_after_epoch_secs).finish()
    }
}

//! Tokens with which machines join the cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Default time until a token ends: a day.
pub const DEFAULT_TOKEN_TTL_SECS: u64 = 24 * 3600;
/// Shortest time until a token ends that may be requested.
pub const MIN_TOKEN_TTL_SECS: u64 = 60;
/// Longest time until a token ends that may be requested.
pub const MAX_TOKEN_TTL_SECS: u64 = 365 * 24 * 3600;

/// The requested properties of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequest {
    /// The role of the machines that may join with it: `worker`.
    pub role: String,
    /// Seconds until it ends, [`MIN_TOKEN_TTL_SECS`] to [`MAX_TOKEN_TTL_SECS`]; by default
    /// [`DEFAULT_TOKEN_TTL_SECS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_secs: Option<u64>,
    /// URL of the API server as seen by the machines, such as `https://10.0.0.1:6443`; by default the cluster's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// A new token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedToken {
    /// The text for `join.token`.
    pub token: String,
    /// What identifies it; no secret.
    pub id: String,
    /// When it ends, in seconds since 1970.
    pub expires_epoch_secs: u64,
}

impl fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The tokens that machines can join with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenList {
    /// All of them, by id.
    pub tokens: Vec<TokenFacts>,
}

/// A token, without its secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenFacts {
    /// What identifies it.
    pub id: String,
    /// The role of the machines that may join with it.
    pub role: String,
    /// When it ends, in seconds since 1970; absent if never.
    pub expires_epoch_secs: Option<u64>,
}

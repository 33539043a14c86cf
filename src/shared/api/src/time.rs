//! The clock of a node, what its time servers say, and what an operator may order about it.

use serde::{Deserialize, Serialize};

/// The clock, and what it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Time {
    /// What it shows, in seconds since 1970.
    pub now_epoch_secs: u64,
    /// What it is worth: `wrong`, `new`, `machine`, `one-server`, `several-servers` or `confirmed`.
    pub trust: String,
    /// The node believes no earlier time, in seconds since 1970.
    pub earliest_epoch_secs: u64,
    /// Why not: `image`, `certificate` or `confirmed`.
    pub earliest_by: String,
    /// The node believes no later time, in seconds since 1970: the operator CA ends then.
    pub latest_epoch_secs: Option<u64>,
    /// What the machine's own clock shows, in seconds since 1970; absent if it has none.
    pub machine_epoch_secs: Option<u64>,
    /// What the time servers said when they were asked last.
    pub servers: Vec<TimeServer>,
    /// What they said together if the clock did not follow.
    pub refused: Option<TimeRefused>,
}

/// What a time server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeServer {
    /// Its address, or a name that could not be looked up.
    pub server: String,
    /// How far its time was ahead of the node's clock, in milliseconds, before the clock followed; absent if it gave
    /// none.
    pub ahead_ms: Option<i64>,
    /// Why it gave none, in one line.
    pub error: Option<String>,
}

/// A time that the clock did not follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeRefused {
    /// The time, in seconds since 1970.
    pub epoch_secs: u64,
    /// Why not, in one line.
    pub why: String,
}

/// Which time it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimeSetRequest {
    /// The time, in milliseconds since 1970.
    pub epoch_ms: u64,
}

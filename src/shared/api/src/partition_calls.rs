//! The calls about damaged partitions, which a node in maintenance and a configured one both have.

use crate::call::Caller;
use crate::{CheckRequest, ClientError, PartitionList, PartitionName, WipeRequest, Wiped};

/// Calls about the partitions that a node could not mount. [`Client::partitions`](crate::Client::partitions) and
/// [`MaintenanceClient::partitions`](crate::MaintenanceClient::partitions) return them.
#[derive(Debug)]
pub struct PartitionCalls<'a> {
    pub(crate) caller: &'a Caller,
    /// Path of the list.
    pub(crate) path: &'static str,
}

impl PartitionCalls<'_> {
    /// Returns the partitions that could not be mounted.
    ///
    /// # Errors
    /// [`ClientError`] as for every call; the node is unchanged.
    pub fn list(&self) -> Result<PartitionList, ClientError> {
        self.caller.get(self.path)
    }

    /// Begins to check a partition; the list has the result when it is there.
    ///
    /// # Errors
    /// [`ClientError`] as for every call; 409 in [`ClientError::Node`] if it is in use, does not exist, or something is
    /// done with it already.
    pub fn check(&self, name: PartitionName, request: &CheckRequest) -> Result<PartitionList, ClientError> {
        self.caller.post(&format!("{}/{name}/check", self.path), &self.caller.to_json(request)?)
    }

    /// Has a partition made anew at the next boot: all that is on it is lost.
    ///
    /// # Errors
    /// [`ClientError`] as for every call; 409 in [`ClientError::Node`] if it is in use, does not exist, or something is
    /// done with it already. It is unchanged then.
    pub fn wipe(&self, name: PartitionName, request: &WipeRequest) -> Result<Wiped, ClientError> {
        self.caller.post(&format!("{}/{name}/wipe", self.path), &self.caller.to_json(request)?)
    }
}

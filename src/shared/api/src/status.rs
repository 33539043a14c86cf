//! The state of a node as a whole.

use imagefacts::ImageFacts;
use serde::{Deserialize, Serialize};

use crate::{Boot, DamagedPartition, State, Upgrade};

/// The state of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// Host name, which is also the name of the Kubernetes node.
    pub node_name: String,
    /// The facts the image states about itself.
    pub image: ImageFacts,
    /// Addresses with prefix length, such as `10.0.2.15/24`, without those of loopback and pods.
    pub addresses: Vec<String>,
    /// The configuration in use.
    pub config: ConfigFacts,
    /// Conditions of the node, sorted by type.
    pub conditions: Vec<Condition>,
    /// Boot stages, in the order in which they were reached.
    pub stages: Vec<Stage>,
    /// Milliseconds since the kernel started.
    pub uptime_ms: u64,
    /// Memory of the machine.
    pub memory: Memory,
    /// Slots and trial; absent if the disk has no boot record.
    pub boot: Option<Boot>,
    /// The data that outlives a generation; absent while it is being prepared.
    pub state: Option<State>,
    /// Partitions that could not be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<DamagedPartition>,
    /// The running upgrade, or the result of the last one since boot; absent if there was none.
    pub upgrade: Option<Upgrade>,
    /// Expiry of certificates, soonest first.
    pub certificates: Vec<CertificateExpiry>,
}

/// The configuration in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigFacts {
    /// Its source: `nocloud`, `qemu-fw-cfg` …, `api` for one that an operator has just given, or `last-accepted` for the
    /// copy on the state partition.
    pub source: Option<String>,
    /// Where exactly it was found, such as `sr0:user-data`; absent for `last-accepted`.
    pub found_at: Option<String>,
    /// The sources of user-data that were asked before and have none.
    pub passed_over: Vec<PassedOver>,
    /// What an operator should know although it does not matter for the configuration in use, a line each: a disk with
    /// user-data that is not taken, a disk that does not answer.
    pub warnings: Vec<String>,
    /// Why a newer configuration was not accepted, one error a line; empty if there is no error.
    pub errors: Vec<String>,
}

/// A source of user-data that has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PassedOver {
    /// Its name.
    pub source: String,
    /// What was looked for, and what was there instead.
    pub reason: String,
}

/// A condition of the node, which is true, false or unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its type, such as `NodeReady`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is true.
    pub status: ConditionStatus,
    /// The reason, in one word for programs.
    #[serde(default)]
    pub reason: String,
    /// The reason, in one line for people.
    #[serde(default)]
    pub message: String,
    /// When `status` last changed, in milliseconds since the kernel started.
    #[serde(default)]
    pub since_ms: u64,
}

/// The status of a [`Condition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It is true.
    True,
    /// It is false.
    False,
    /// It is not known yet.
    Unknown,
}

/// A stage of the boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Name, such as `init`, `root` or `node-api`.
    pub name: String,
    /// Milliseconds since the kernel started.
    pub at_ms: u64,
}

/// Memory of the machine in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// All memory that the kernel manages.
    pub total_bytes: u64,
    /// Memory available without swapping: free memory and cache that can be dropped.
    pub available_bytes: u64,
    /// Memory that processes and the kernel use: neither free nor cache. Less than `total - available`, which
    /// includes the kernel's reserves.
    pub used_bytes: u64,
    /// The resident set of PID 1.
    pub init_bytes: u64,
}

/// The expiry of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateExpiry {
    /// Name of the certificate's file without directory and extension, such as `apiserver`.
    pub name: String,
    /// End of its validity, in seconds since 1970.
    pub not_after_epoch_secs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_fields_of_a_newer_node_and_bears_missing_ones() {
        let text =
            r#"{"nodeName":"a","slots":{"active":"a"},"conditions":[{"type":"NodeReady","status":"True"}]}"#;
        let status: Status = serde_json::from_str(text).unwrap();
        assert_eq!(status.node_name, "a");
        assert_eq!(status.conditions[0].status, ConditionStatus::True);
    }
}

//! The state of a node as a whole.

use imagefacts::ImageFacts;
use serde::{Deserialize, Serialize};

use crate::{Boot, Upgrade};

/// Everything about a node at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// Host name, which is also the name of the Kubernetes node.
    pub node_name: String,
    /// What the image says of itself.
    pub image: ImageFacts,
    /// Addresses with prefix length, without those of loopback and pods: `10.0.2.15/24`.
    pub addresses: Vec<String>,
    /// Which configuration runs.
    pub config: ConfigFacts,
    /// What is true of the node right now, sorted by type.
    pub conditions: Vec<Condition>,
    /// Boot stages, in the order in which they were reached.
    pub stages: Vec<Stage>,
    /// Milliseconds since the kernel started.
    pub uptime_ms: u64,
    /// Memory of the machine.
    pub memory: Memory,
    /// Slots and trial; absent when the disk has no boot record.
    pub boot: Option<Boot>,
    /// The upgrade that is under way, or how the last one since the boot went; absent when there was none.
    pub upgrade: Option<Upgrade>,
    /// When certificates end, soonest first.
    pub certificates: Vec<CertificateExpiry>,
}

/// Which configuration runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigFacts {
    /// Where it was found: `fw-cfg`, or `last-accepted` for the copy on the state partition.
    pub source: Option<String>,
    /// Why a newer one was not taken, one error a line; empty when all is well.
    pub errors: Vec<String>,
}

/// Something that is true, false or not known of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What is claimed, such as `NodeReady`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word for programs.
    #[serde(default)]
    pub reason: String,
    /// Why, in one line for people.
    #[serde(default)]
    pub message: String,
    /// Milliseconds since the kernel started, when `status` last changed.
    #[serde(default)]
    pub since_ms: u64,
}

/// Whether a [`Condition`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody could tell yet.
    Unknown,
}

/// A moment of the boot.
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
    /// All that the kernel manages.
    pub total_bytes: u64,
    /// What could be had without swapping: free, or cache that can be dropped.
    pub available_bytes: u64,
    /// What processes and the kernel hold: neither free nor cache. Less than `total - available`, which
    /// counts the kernel's reserves as well.
    pub used_bytes: u64,
    /// What PID 1 holds of it: its resident set.
    pub init_bytes: u64,
}

/// When a certificate ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateExpiry {
    /// Name of the certificate's file without folder and ending, such as `apiserver`.
    pub name: String,
    /// Last second of its life, in seconds since 1970.
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

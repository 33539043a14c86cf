//! Maintenance: what a node that can't take its role says and takes.

use std::collections::BTreeMap;

use imagefacts::ImageFacts;
use serde::{Deserialize, Serialize};

use crate::{Boot, DamagedPartition, PassedOver, Stage};

/// Maximum length of a config in bytes.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;
/// The scheme of the `Authorization` header, before the secret of the pairing code.
pub const PAIRING_SCHEME: &str = "Pairing";

/// The state of a node in maintenance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Maintenance {
    /// The facts the image states about itself.
    pub image: ImageFacts,
    /// Why the node does not take its role.
    pub reason: MaintenanceReason,
    /// What is wrong, in full: with a refused config all its errors, each with its line marked. A text of several lines.
    pub problem: String,
    /// The sources of user-data that were asked and have none.
    pub passed_over: Vec<PassedOver>,
    /// Partitions that can't be used, and why, a line each, such as `data: …`.
    pub damage: Vec<String>,
    /// The same in full, and what can be done.
    pub partitions: Vec<DamagedPartition>,
    /// Addresses with prefix length, such as `10.0.2.15/24`.
    pub addresses: Vec<String>,
    /// What keeps the network from being complete, a line each.
    pub network: Vec<String>,
    /// Boot stages, in the order in which they were reached.
    pub stages: Vec<Stage>,
    /// Milliseconds since the kernel started.
    pub uptime_ms: u64,
    /// Slots and trial; absent if the disk has no boot record.
    pub boot: Option<Boot>,
    /// How many wrong pairing codes were sent since the node waits.
    pub wrong_codes: u64,
    /// The installation medium that the node runs from, such as `sr0`: nothing of it outlives the next boot. Absent if it
    /// is installed.
    pub medium: Option<String>,
}

/// Why a node is in maintenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaintenanceReason {
    /// No source has a config, and none was accepted before.
    NoConfig,
    /// There is a config, and it can't be used.
    ConfigRefused,
    /// The state partition can't be used: there is nowhere to keep anything.
    StateUnusable,
    /// It installs itself to a disk, as its config says.
    Installing,
    /// It was installed to the disk that its config names; it does not do so twice.
    Installed,
    /// It could not be installed.
    InstallFailed,
    /// A reason of a newer node.
    #[default]
    #[serde(other)]
    Unknown,
}

impl MaintenanceReason {
    /// Returns the reason as the node's operator reads it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            MaintenanceReason::NoConfig => "it has no config",
            MaintenanceReason::ConfigRefused => "its config can't be used",
            MaintenanceReason::StateUnusable => "its state partition can't be used",
            MaintenanceReason::Installing => "it is being installed to a disk",
            MaintenanceReason::Installed => "it is installed: it has to start from its disk",
            MaintenanceReason::InstallFailed => "it could not be installed",
            MaintenanceReason::Unknown => "for a reason that this version does not know",
        }
    }
}

/// The node's network links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkList {
    /// Physical links, by name.
    pub links: Vec<Link>,
}

/// A network link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Link {
    /// Name, such as `eth0`.
    pub name: String,
    /// Hardware address, such as `52:54:00:12:34:56`; empty where there is none.
    pub hardware_address: String,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
}

/// The node's disks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DiskList {
    /// Disks, by name.
    pub disks: Vec<Disk>,
}

/// A disk. What the machine does not tell is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Disk {
    /// Name, such as `vda`.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Size of a logical block in bytes.
    pub block_bytes: u32,
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// World wide name, such as `naa.5000c500a1b2c3d4`.
    pub wwn: String,
    /// How it is attached: `virtio`, `nvme`, `sata`, `scsi`, `usb` or `mmc`.
    pub transport: String,
    /// Whether nothing can be written to it.
    pub read_only: bool,
    /// Whether its medium can be taken out.
    pub removable: bool,
    /// Number of partitions.
    pub partitions: u32,
}

/// Has a node that runs from an installation medium install itself to a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct InstallOrder {
    /// Conditions on the disk, by key as in the node's config.
    pub disk: BTreeMap<String, String>,
    /// Overwrite a disk that holds data.
    pub wipe: bool,
    /// The config that the installed node shall have, the text of the node's documents; without one it waits for it.
    pub config: Option<String>,
}

/// An installation, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Installation {
    /// The step.
    pub stage: InstallStage,
    /// The disk, such as `/dev/vda`; empty before one is chosen.
    pub disk: String,
    /// Bytes of root and kernel image done in this step.
    pub done_bytes: u64,
    /// All bytes of this step.
    pub total_bytes: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// The step of an installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstallStage {
    /// None was ordered.
    Idle,
    /// The partitions are written.
    Writing,
    /// They are read back.
    Checking,
    /// The partition table is written.
    Committing,
    /// The disk is complete, and the node reboots.
    Done,
    /// It failed; the disk does not start.
    Failed,
    /// A step of a newer node.
    #[default]
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_a_newer_node_is_borne() {
        let read = |text: &str| serde_json::from_str::<Maintenance>(text).unwrap().reason;
        assert_eq!(read(r#"{"reason":"no-config"}"#), MaintenanceReason::NoConfig);
        assert_eq!(read(r#"{"reason":"state-unusable","more":1}"#), MaintenanceReason::StateUnusable);
        assert_eq!(read(r#"{"reason":"locked"}"#), MaintenanceReason::Unknown);
        assert_eq!(read(r#"{"reason":"install-failed"}"#), MaintenanceReason::InstallFailed);
        assert_eq!(read("{}"), MaintenanceReason::Unknown);
    }
}

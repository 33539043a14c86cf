//! `kind: NodeConfig`: the settings of one node.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{DiskSelector, JoinToken, NodeNetwork, Secret};

/// The settings of one node, without those of its cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct NodeConfig {
    /// Host name and Kubernetes node name: lower-case letters, digits, `-` and `.`, at most 63 characters. `{serial}`,
    /// `{uuid}` and `{mac}` stand for what the machine's firmware says, and for the hardware address of its first link.
    /// Default: from the platform (`meta-data`), else by DHCP, else `node-{mac}`.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub hostname: String,
    /// Links and addresses. Default: DHCPv4 on every physical link.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub network: NodeNetwork,
    /// The source of the time.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub time: Time,
    /// Labels of the Kubernetes node.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub labels: BTreeMap<String, String>,
    /// Taints that the Kubernetes node registers with.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub taints: Vec<Taint>,
    /// Settings of the kubelet.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub kubelet: Kubelet,
    /// The requirements on a new generation.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub health: Health,
    /// How it joins a cluster: for roles that do not found one. Default: it does not.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub join: Option<Join>,
    /// Has a node that runs from an installation medium install itself to a disk, with this config, and start from there.
    /// An installed node ignores it.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub install: Option<Install>,
    /// Access to the node API, and its certificate.
    pub api: NodeApi,
}

/// How a node joins a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Join {
    /// The token that `ironhull token create` printed. It is needed until the node has joined.
    pub token: JoinToken,
}

/// Installation to a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Install {
    /// Which disk. Exactly one must satisfy all conditions, of which there must be at least one.
    pub disk: DiskSelector,
    /// Overwrite a disk that holds data. An installation of Ironhull is never overwritten by this: otherwise a machine
    /// that starts from the medium again would lose its state. Default false.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub wipe: bool,
}

/// The source of the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Time {
    /// NTP servers by name or address; of a name up to four addresses are asked, and eight servers in all. With three or
    /// more, one that lies is outvoted. Empty: those from DHCP, and without any the machine's own clock.
    pub servers: Vec<String>,
}

/// A taint of the Kubernetes node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Taint {
    /// Key, as of a label.
    pub key: String,
    /// Value. Default empty.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub value: String,
    /// Its effect on pods that do not tolerate it.
    pub effect: TaintEffect,
}

/// The effect of a taint on pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TaintEffect {
    /// They are not scheduled here.
    NoSchedule,
    /// They are scheduled here only if no other node is available.
    PreferNoSchedule,
    /// They are not scheduled here, and running ones are evicted.
    NoExecute,
}

/// Settings of the kubelet.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Kubelet {
    /// Fields of `KubeletConfiguration`, which override ours. Those on which the node itself depends (paths,
    /// certificates, authentication, cgroup driver) are refused.
    pub extra_config: serde_json::Map<String, serde_json::Value>,
}

/// The requirements on a new generation before it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Health {
    /// Seconds after its start within which it must become healthy, 20 to 86400; otherwise the node returns
    /// to the previous generation. Default 600.
    #[cfg_attr(feature = "schema", schemars(range(min = 20, max = 86_400)))]
    pub deadline_secs: u32,
}

impl Default for Health {
    fn default() -> Health {
        Health { deadline_secs: 600 }
    }
}

/// Access to the node API, and its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct NodeApi {
    /// Certificate of the operator CA, PEM: clients must have a certificate issued by it.
    pub certificate_authority: String,
    /// Server certificate of the node, PEM, issued by the operator CA.
    pub certificate: String,
    /// Private key of that certificate, PEM (PKCS #8).
    pub key: Secret,
    /// TCP port. Default 9443.
    #[cfg_attr(feature = "schema", schemars(default = "default_port"))]
    pub port: u16,
}

/// Returns the default TCP port of the node API.
pub(crate) const fn default_port() -> u16 {
    9443
}

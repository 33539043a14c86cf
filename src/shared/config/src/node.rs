//! `kind: NodeConfig`: the settings of one node.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::{Cidr, Secret};

/// What one node is, apart from its cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct NodeConfig {
    /// Host name and Kubernetes node name: lower-case letters, digits, `-` and `.`, at most 63 characters.
    pub hostname: String,
    /// Links and addresses. Default: DHCPv4 on every physical link.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub network: NodeNetwork,
    /// Where the time comes from.
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
    /// What is asked of a new generation.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub health: Health,
    /// Who may use the node API, and what the node shows them.
    pub api: NodeApi,
}

/// Links and addresses, in the words of netplan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct NodeNetwork {
    /// Wired links by a name of one's own, which is the link's name when `match` is absent.
    /// Empty: DHCPv4 on every physical link.
    pub ethernets: BTreeMap<String, Ethernet>,
}

/// One wired link, or all that match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Ethernet {
    /// Which links; absent: the one whose name is the key.
    #[serde(rename = "match")]
    pub matches: Option<LinkMatch>,
    /// Take address, routes and name servers from DHCPv4. Default false.
    pub dhcp4: bool,
    /// Static addresses with prefix length, as `192.168.1.5/24`.
    pub addresses: Vec<Cidr>,
    /// Static routes.
    pub routes: Vec<Route>,
    /// Name servers; they stand before those from DHCP.
    pub nameservers: Nameservers,
    /// Largest packet in bytes, 576 to 9216. Default: the link's own.
    pub mtu: Option<u16>,
}

/// Which links are meant: those that fulfil all that is given, at least one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct LinkMatch {
    /// Name of the link; `*` stands for any characters, `?` for one.
    pub name: Option<String>,
    /// Hardware address, `52:54:00:12:34:56`, lower case once parsed.
    pub macaddress: Option<String>,
}

/// A static route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Route {
    /// Destination; `default` is the same as `0.0.0.0/0`.
    pub to: Cidr,
    /// Gateway.
    pub via: Ipv4Addr,
}

/// Name servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Nameservers {
    /// Addresses, in the order in which they are asked.
    pub addresses: Vec<Ipv4Addr>,
    /// Search domains.
    pub search: Vec<String>,
}

/// Where the time comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Time {
    /// NTP servers by name or address. Empty: those from DHCP, and without any the machine's own clock.
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
    /// What it does to pods that do not tolerate it.
    pub effect: TaintEffect,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TaintEffect {
    /// They are not scheduled here.
    NoSchedule,
    /// They are scheduled here only when nowhere else.
    PreferNoSchedule,
    /// They are not scheduled here, and running ones leave.
    NoExecute,
}

/// Settings of the kubelet.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Kubelet {
    /// Fields of `KubeletConfiguration`, laid over ours. Those on which the node itself stands (paths,
    /// certificates, authentication, cgroup driver) are refused.
    pub extra_config: serde_json::Map<String, serde_json::Value>,
}

/// What is asked of a new generation before it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Health {
    /// Seconds since its start within which it must be healthy, 20 to 86400; else the node goes back to the
    /// generation before it. Default 600.
    #[cfg_attr(feature = "schema", schemars(range(min = 20, max = 86_400)))]
    pub deadline_secs: u32,
}

impl Default for Health {
    fn default() -> Health {
        Health { deadline_secs: 600 }
    }
}

/// Who may use the node API, and what the node shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct NodeApi {
    /// Certificate of the operator CA, PEM: clients must have a certificate from it.
    pub certificate_authority: String,
    /// Server certificate of the node, PEM, from the operator CA.
    pub certificate: String,
    /// Private key of that certificate, PEM (PKCS #8).
    pub key: Secret,
    /// TCP port. Default 9443.
    #[cfg_attr(feature = "schema", schemars(default = "default_port"))]
    pub port: u16,
}

/// Default TCP port of the node API.
pub(crate) const fn default_port() -> u16 {
    9443
}

//! The key `network` of a `NodeConfig`: links and addresses.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::Cidr;

/// Links and addresses, with the key names of netplan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct NodeNetwork {
    /// Wired links by an arbitrary name, which is the name of the link if `match` is absent. Empty: DHCPv4 on
    /// every physical link, and one address is sufficient.
    pub ethernets: BTreeMap<String, Ethernet>,
    /// Range that the address under which the cluster knows the node is in, of a node with several addresses.
    /// Default: the first address that the node gets.
    pub node_address: Option<Cidr>,
}

/// A wired link, or all that match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Ethernet {
    /// Which links are meant; if absent, the one whose name is the key.
    #[serde(rename = "match")]
    pub matches: Option<LinkMatch>,
    /// Get address, routes and name servers by DHCPv4. Default false.
    pub dhcp4: bool,
    /// Static addresses with prefix length, such as `192.168.1.5/24`.
    pub addresses: Vec<Cidr>,
    /// Static routes.
    pub routes: Vec<Route>,
    /// Name servers; they come before those from DHCP.
    pub nameservers: Nameservers,
    /// Maximum packet size in bytes, 576 to 9216. Default: the size from DHCP, else the link's own.
    pub mtu: Option<u16>,
    /// The node is healthy without this link, and the trial of a generation does not wait for it. Default false: one
    /// link of the entry must have everything that is configured here.
    pub optional: bool,
}

/// Selects links: those that satisfy all of the given conditions, of which there must be at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct LinkMatch {
    /// Name of the link; `*` matches any characters, `?` one character.
    pub name: Option<String>,
    /// Hardware address such as `52:54:00:12:34:56`; in lower case once parsed.
    pub macaddress: Option<String>,
    /// Name of the kernel's driver, such as `virtio_net`, or several of which one must fit; `*` and `?` as in `name`.
    pub driver: Vec<String>,
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
    /// Of several routes to one destination the one with the lowest metric counts. Default 0; routes from DHCP have 1024
    /// and more.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub metric: u32,
}

/// Name servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Nameservers {
    /// Addresses, in the order of use.
    pub addresses: Vec<Ipv4Addr>,
    /// Search domains.
    pub search: Vec<String>,
}

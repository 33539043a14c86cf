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
    /// Several links as one, by the name of the link that is made of them.
    pub bonds: BTreeMap<String, Bond>,
    /// Virtual LANs on another link, by the name of the link that is made.
    pub vlans: BTreeMap<String, Vlan>,
    /// Switches between links, by the name of the link that is made.
    pub bridges: BTreeMap<String, Bridge>,
    /// Range that the address under which the cluster knows the node is in, of a node with several addresses.
    /// Default: the first address that the node gets.
    pub node_address: Option<Cidr>,
}

/// Several links as one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bond {
    /// Keys of entries of `ethernets`: all links that they match are its ports.
    pub interfaces: Vec<String>,
    /// How the ports are used.
    pub parameters: BondParameters,
    /// Addresses and the like; without `match`.
    #[serde(flatten)]
    pub link: Ethernet,
}

/// How the ports of a bond are used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct BondParameters {
    /// Which port sends what. Default `active-backup`: one port at a time, and the switch needs no setting.
    pub mode: BondMode,
    /// Milliseconds between two looks at the carrier of the ports, 10 to 60000. Default 100.
    #[cfg_attr(feature = "schema", schemars(range(min = 10, max = 60_000)))]
    pub mii_monitor_interval: u32,
    /// With `802.3ad`, how often the switch is asked to send. Default `slow`.
    pub lacp_rate: LacpRate,
    /// With `802.3ad` and `balance-xor`, what of a packet chooses its port. Default `layer2`.
    pub transmit_hash_policy: HashPolicy,
}

impl Default for BondParameters {
    fn default() -> BondParameters {
        BondParameters {
            mode: BondMode::ActiveBackup,
            mii_monitor_interval: 100,
            lacp_rate: LacpRate::Slow,
            transmit_hash_policy: HashPolicy::Layer2,
        }
    }
}

/// Which port of a bond sends what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum BondMode {
    /// One port at a time.
    #[serde(rename = "active-backup")]
    ActiveBackup,
    /// By a hash of the packet; the switch needs a static group of ports.
    #[serde(rename = "balance-xor")]
    BalanceXor,
    /// By a hash of the packet, in a group that is agreed upon with the switch (LACP).
    #[serde(rename = "802.3ad")]
    Lacp,
}

/// How often a switch is asked to send LACP packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum LacpRate {
    /// Every 30 seconds.
    Slow,
    /// Every second.
    Fast,
}

/// What of a packet chooses the port that sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum HashPolicy {
    /// Hardware addresses.
    #[serde(rename = "layer2")]
    Layer2,
    /// Hardware and IP addresses.
    #[serde(rename = "layer2+3")]
    Layer23,
    /// IP addresses and ports.
    #[serde(rename = "layer3+4")]
    Layer34,
}

/// A virtual LAN on another link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vlan {
    /// Its number, 1 to 4094.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4094)))]
    pub id: u16,
    /// Key of the entry of `ethernets`, `bonds` or `bridges` on whose link it is.
    #[serde(rename = "link")]
    pub below: String,
    /// Addresses and the like; without `match`.
    #[serde(flatten)]
    pub link: Ethernet,
}

/// A switch between links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bridge {
    /// Keys of entries of `ethernets`, `bonds` or `vlans`: all their links are its ports.
    pub interfaces: Vec<String>,
    /// How it forwards.
    pub parameters: BridgeParameters,
    /// Addresses and the like; without `match`.
    #[serde(flatten)]
    pub link: Ethernet,
}

/// How a bridge forwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct BridgeParameters {
    /// Whether it looks for loops before it forwards (STP), which takes twice the delay. Default true, as in netplan.
    pub stp: bool,
    /// Seconds in each state in which it looks for loops, 2 to 30. Default 15.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 30)))]
    pub forward_delay: u32,
}

impl Default for BridgeParameters {
    fn default() -> BridgeParameters {
        BridgeParameters { stp: true, forward_delay: 15 }
    }
}

impl NodeNetwork {
    /// Returns whether no link has an entry.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        self.ethernets.is_empty() && self.bonds.is_empty() && self.vlans.is_empty() && self.bridges.is_empty()
    }
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

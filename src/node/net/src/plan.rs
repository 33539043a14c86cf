//! Which links to set up and how, from the config and the existing links. Pure.

use std::net::Ipv4Addr;

use config::{Cidr, Ethernet, LinkMatch, NodeNetwork};

use crate::Link;

/// What one link shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkPlan {
    /// Number of the link.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Name of the entry of the config that means it; empty for a link that needs no entry.
    pub entry: String,
    /// Nothing waits for it.
    pub optional: bool,
    /// Its hardware address, where it is one of Ethernet.
    pub hardware_address: Option<[u8; 6]>,
    /// Largest packet; `None`: the one that DHCP names, else the link's own.
    pub mtu: Option<u16>,
    /// Ask for an address.
    pub dhcp: bool,
    /// Static addresses.
    pub addresses: Vec<Cidr>,
    /// Static routes: destination, gateway and metric.
    pub routes: Vec<(Cidr, Ipv4Addr, u32)>,
    /// Static name servers.
    pub dns: Vec<Ipv4Addr>,
    /// Search domains.
    pub search: Vec<String>,
}

/// What is to be done to the links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Links to set up, by name.
    pub links: Vec<LinkPlan>,
    /// What no link fits, a line for each entry of the config, and whether it is optional.
    pub unmatched: Vec<(String, bool)>,
}

/// Decides for each link. The first entry of the config that fits it counts, by name of the entry;
/// without any entries, every physical link gets DHCPv4.
#[must_use]
pub fn plan(network: &NodeNetwork, links: &[Link]) -> Plan {
    let mut plan = Plan::default();
    if network.is_automatic() {
        let automatic = Ethernet { dhcp4: true, ..Ethernet::default() };
        plan.links = links.iter().filter(|l| l.physical).map(|l| link_plan(l, "", &automatic)).collect();
    }
    for (entry, ethernet) in &network.ethernets {
        let free = |l: &&Link| !plan.links.iter().any(|p| p.index == l.index);
        let found: Vec<LinkPlan> = links
            .iter()
            .filter(|l| fits(l, entry, ethernet.matches.as_ref()))
            .filter(free)
            .map(|l| link_plan(l, entry, ethernet))
            .collect();
        if found.is_empty() {
            plan.unmatched.push((format!("network.ethernets.{entry}: no link fits"), ethernet.optional));
        }
        plan.links.extend(found);
    }
    // Those that are made here are told by `shape` if they are missing.
    let made = network.bonds.iter().map(|(name, bond)| (name, &bond.link));
    let made = made.chain(network.vlans.iter().map(|(name, vlan)| (name, &vlan.link)));
    let made = made.chain(network.bridges.iter().map(|(name, bridge)| (name, &bridge.link)));
    for (entry, settings) in made {
        let ours = links.iter().find(|link| link.name == *entry && link.parts.ours.is_some());
        plan.links.extend(ours.map(|link| link_plan(link, entry, settings)));
    }
    plan.links.sort_by(|a, b| a.name.cmp(&b.name));
    plan
}

fn link_plan(link: &Link, entry: &str, ethernet: &Ethernet) -> LinkPlan {
    LinkPlan {
        index: link.index,
        name: link.name.clone(),
        entry: entry.to_owned(),
        optional: ethernet.optional,
        hardware_address: link.hardware_address.as_slice().try_into().ok(),
        mtu: ethernet.mtu,
        dhcp: ethernet.dhcp4,
        addresses: ethernet.addresses.clone(),
        routes: ethernet.routes.iter().map(|r| (r.to, r.via, r.metric)).collect(),
        dns: ethernet.nameservers.addresses.clone(),
        search: ethernet.nameservers.search.clone(),
    }
}

/// Whether a link is the one that an entry means. A match needs a physical link, so that a pattern such
/// as `*` does not reach bridges and pods' links.
fn fits(link: &Link, entry: &str, matches: Option<&LinkMatch>) -> bool {
    let Some(wanted) = matches else { return link.name == entry };
    let name_fits = wanted.name.as_ref().is_none_or(|p| glob(p.as_bytes(), link.name.as_bytes()));
    let address_fits = wanted.macaddress.as_ref().is_none_or(|m| *m == hex(link.own_address()));
    let driver = link.driver.as_deref().unwrap_or_default();
    let driver_fits =
        wanted.driver.is_empty() || wanted.driver.iter().any(|p| glob(p.as_bytes(), driver.as_bytes()));
    link.physical && name_fits && address_fits && driver_fits
}

/// Writes a hardware address as `52:54:00:12:34:56`.
fn hex(address: &[u8]) -> String {
    address.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")
}

/// Whether `text` fits `pattern`, where `*` stands for any characters and `?` for one.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        ([b'?', rest @ ..], [_, tail @ ..]) => glob(rest, tail),
        ([p, rest @ ..], [t, tail @ ..]) if p == t => glob(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::netlink::Parts;

    pub(crate) fn link(index: u32, name: &str, physical: bool) -> Link {
        Link {
            index,
            name: name.into(),
            hardware_address: vec![0x52, 0x54, 0, 0, 0, u8::try_from(index).unwrap()],
            permanent_address: Vec::new(),
            hardware_type: 1,
            up: false,
            carrier: false,
            physical,
            driver: Some(if index.is_multiple_of(2) { "virtio_net" } else { "e1000e" }.into()),
            mtu: 1500,
            parts: Parts::default(),
        }
    }

    fn matching(name: Option<&str>, mac: Option<&str>) -> Ethernet {
        let (name, macaddress) = (name.map(Into::into), mac.map(Into::into));
        let matches = LinkMatch { name, macaddress, driver: Vec::new() };
        Ethernet { matches: Some(matches), ..Ethernet::default() }
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.links.iter().map(|l| l.name.as_str()).collect()
    }

    #[test]
    fn empty_config_means_dhcp_on_every_physical_link() {
        let links =
            [link(1, "lo", false), link(3, "eth1", true), link(2, "eth0", true), link(4, "cni0", false)];
        let plan = plan(&NodeNetwork::default(), &links);
        assert_eq!(names(&plan), ["eth0", "eth1"]);
        assert!(plan.links.iter().all(|l| l.dhcp));
    }

    #[test]
    fn first_fitting_entry_counts_and_the_rest_is_reported() {
        let links = [link(2, "eth0", true), link(3, "eth1", true), link(4, "cni0", false)];
        let mut network = NodeNetwork::default();
        network.ethernets.insert("a".into(), matching(None, Some("52:54:00:00:00:03")));
        network.ethernets.insert("b".into(), matching(Some("*"), None));
        network.ethernets.insert("c".into(), matching(Some("eth?"), None));
        network.ethernets.insert("cni0".into(), Ethernet::default());
        let plan = plan(&network, &links);
        assert_eq!(names(&plan), ["cni0", "eth0", "eth1"]);
        assert_eq!(plan.unmatched, [("network.ethernets.c: no link fits".to_owned(), false)]);
    }

    #[test]
    fn a_port_of_a_bond_is_found_by_the_address_of_its_maker() {
        let mut links = [link(2, "eth0", true), link(3, "eth1", true)];
        links[1].permanent_address = links[1].hardware_address.clone();
        links[1].hardware_address = links[0].hardware_address.clone();
        let mut network = NodeNetwork::default();
        network.ethernets.insert("b".into(), matching(None, Some("52:54:00:00:00:03")));
        assert_eq!(names(&plan(&network, &links)), ["eth1"]);
    }

    #[test]
    fn links_are_found_by_their_driver() {
        let links = [link(2, "eth0", true), link(3, "eth1", true), link(5, "eth2", true)];
        let mut network = NodeNetwork::default();
        let mut by = |entry: &str, drivers: &[&str]| {
            let driver = drivers.iter().map(|d| (*d).to_owned()).collect();
            let matches = Some(LinkMatch { driver, ..LinkMatch::default() });
            network.ethernets.insert(entry.into(), Ethernet { matches, ..Ethernet::default() });
        };
        by("a", &["igb", "e1000*"]);
        by("b", &["vmxnet3"]);
        let plan = plan(&network, &links);
        assert_eq!(
            (names(&plan), &*plan.unmatched[0].0),
            (vec!["eth1", "eth2"], "network.ethernets.b: no link fits")
        );
    }

    #[test]
    fn patterns() {
        let cases = [
            ("eth*", "eth0", true),
            ("*", "", true),
            ("e?h0", "eth0", true),
            ("e?", "e", false),
            ("en*s?", "enp0s3", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}

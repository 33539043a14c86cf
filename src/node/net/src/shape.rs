//! The links that are made of others, and which link is a port of which: what is to be done, from the config and the
//! existing links. Pure.
//!
//! Links that were not made here are never removed. One that was made otherwise than the config says is made again,
//! which interrupts it; that happens only when the config changes.

use config::{Ethernet, NodeNetwork};

use crate::Link;
use crate::netlink::Made;
use crate::plan::Plan;

/// One request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forming {
    /// Remove a link that was made here.
    Delete(u32),
    /// Make one; a virtual LAN is on the link `below`.
    Create { name: String, made: Made, below: Option<u32> },
    /// Switch a link off: a bond takes no other as port.
    Down(u32),
    /// Make a link the port of another one; 0: of none.
    Port { port: u32, master: u32 },
}

/// What is to be done, and what can't be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Requests in order, each with the entry of the config that it is for.
    pub steps: Vec<(String, Forming)>,
    /// What is missing, a line each, and whether it is optional.
    pub lacking: Vec<(String, bool)>,
}

/// A link that the config wants made.
struct Entry<'a> {
    /// As `bonds.bond0`.
    path: String,
    name: &'a str,
    made: Made,
    /// The entry whose link a virtual LAN is on.
    below: Option<&'a str>,
    interfaces: &'a [String],
    link: &'a Ethernet,
}

/// Returns the entries, those first on which others can be.
fn entries(network: &NodeNetwork) -> Vec<Entry<'_>> {
    let bonds = network.bonds.iter().map(|(name, bond)| Entry {
        path: format!("bonds.{name}"),
        name,
        made: Made::bond(&bond.parameters),
        below: None,
        interfaces: &bond.interfaces,
        link: &bond.link,
    });
    let vlans = network.vlans.iter().map(|(name, vlan)| Entry {
        path: format!("vlans.{name}"),
        name,
        made: Made::Vlan { id: vlan.id },
        below: Some(&vlan.below),
        interfaces: &[],
        link: &vlan.link,
    });
    let bridges = network.bridges.iter().map(|(name, bridge)| Entry {
        path: format!("bridges.{name}"),
        name,
        made: Made::bridge(&bridge.parameters),
        below: None,
        interfaces: &bridge.interfaces,
        link: &bridge.link,
    });
    bonds.chain(bridges).chain(vlans).collect()
}

/// Decides what is to be done next; when it is done, look again, until nothing is: a link can be a port only once both
/// are there. `plan` says which links the entries mean.
pub(crate) fn shape(network: &NodeNetwork, plan: &Plan, links: &[Link]) -> Shape {
    let mut shape = Shape::default();
    let entries = entries(network);
    let meant = |entry: &str| -> Vec<&Link> {
        let indexes: Vec<u32> = plan.links.iter().filter(|p| p.entry == entry).map(|p| p.index).collect();
        links.iter().filter(|link| indexes.contains(&link.index)).collect()
    };
    let fits = |entry: &Entry<'_>, link: &Link| {
        let below = entry.below.map(|below| meant(below).first().map(|l| l.index));
        link.name == entry.name
            && link.parts.ours == Some(Some(entry.made))
            && below.is_none_or(|below| below == link.parts.below)
    };
    for link in links.iter().filter(|link| link.parts.ours.is_some()) {
        if !entries.iter().any(|entry| fits(entry, link)) {
            shape.steps.push((link.name.clone(), Forming::Delete(link.index)));
        }
    }
    if !shape.steps.is_empty() {
        return shape;
    }
    let mut ports: Vec<(u32, u32)> = Vec::new();
    for entry in &entries {
        let missing = |text: &str| (format!("network.{}: {text}", entry.path), entry.link.optional);
        match links.iter().find(|link| link.name == entry.name) {
            Some(link) if link.parts.ours.is_some() => {
                for port in entry.interfaces.iter().flat_map(|interface| meant(interface)) {
                    ports.push((port.index, link.index));
                    if port.parts.master == Some(link.index) {
                        continue;
                    }
                    if port.up && matches!(entry.made, Made::Bond { .. }) {
                        shape.steps.push((entry.path.clone(), Forming::Down(port.index)));
                    }
                    let forming = Forming::Port { port: port.index, master: link.index };
                    shape.steps.push((entry.path.clone(), forming));
                }
            }
            Some(_) => shape.lacking.push(missing("there is a link of this name that was not made here")),
            None => {
                let below = entry.below.map(|below| meant(below).first().map(|link| link.index));
                if below == Some(None) {
                    shape.lacking.push(missing("the link that it is on is missing"));
                    continue;
                }
                let below = below.flatten();
                let forming = Forming::Create { name: entry.name.to_owned(), made: entry.made, below };
                shape.steps.push((entry.path.clone(), forming));
            }
        }
    }
    for port in links {
        let master =
            links.iter().find(|link| Some(link.index) == port.parts.master && link.parts.ours.is_some());
        if let Some(master) = master.filter(|master| !ports.contains(&(port.index, master.index))) {
            shape.steps.push((master.name.clone(), Forming::Port { port: port.index, master: 0 }));
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::plan;
    use crate::plan::tests::link;
    use config::{Bond, Bridge, Vlan};

    /// A kernel, as far as requests change it.
    fn apply(links: &mut Vec<Link>, forming: Forming) {
        match forming {
            Forming::Delete(index) => {
                links.retain(|link| link.index != index && link.parts.below != Some(index));
                for port in links.iter_mut().filter(|link| link.parts.master == Some(index)) {
                    port.parts.master = None;
                }
            }
            Forming::Create { name, made, below } => {
                assert!(!links.iter().any(|link| link.name == name), "{name} exists");
                let index = links.iter().map(|link| link.index).max().unwrap() + 1;
                let mut new = link(index, &name, false);
                (new.parts.ours, new.parts.below) = (Some(Some(made)), below);
                links.push(new);
            }
            Forming::Down(index) => links.iter_mut().find(|link| link.index == index).unwrap().up = false,
            Forming::Port { port, master } => {
                let is_bond = links.iter().any(|link| {
                    link.index == master && matches!(link.parts.ours, Some(Some(Made::Bond { .. })))
                });
                let port = links.iter_mut().find(|link| link.index == port).unwrap();
                assert!(!(is_bond && port.up), "a bond takes no port that is on");
                (port.parts.master, port.up) = (Some(master).filter(|master| *master != 0), true);
            }
        }
    }

    /// Forms until nothing is to be done; returns what is lacking.
    fn form(network: &NodeNetwork, links: &mut Vec<Link>) -> Vec<(String, bool)> {
        for _ in 0..8 {
            let shape = shape(network, &plan(network, links), links);
            if shape.steps.is_empty() {
                return shape.lacking;
            }
            shape.steps.into_iter().for_each(|(_, forming)| apply(links, forming));
        }
        panic!("it never ends: {links:?}")
    }

    fn bond(interfaces: &[&str]) -> Bond {
        let interfaces = interfaces.iter().map(|name| (*name).to_owned()).collect();
        Bond { interfaces, ..Bond::default() }
    }

    /// A bond of two links with a virtual LAN on it, which is in a bridge with a third link.
    fn everything() -> NodeNetwork {
        let mut network = NodeNetwork::default();
        for name in ["eth0", "eth1", "eth2"] {
            network.ethernets.insert(name.into(), Ethernet::default());
        }
        network.bonds.insert("bond0".into(), bond(&["eth0", "eth1"]));
        let vlan = Vlan { id: 5, below: "bond0".into(), ..Vlan::default() };
        network.vlans.insert("lan5".into(), vlan);
        let interfaces = vec!["eth2".to_owned(), "lan5".to_owned()];
        network.bridges.insert("br0".into(), Bridge { interfaces, ..Bridge::default() });
        network
    }

    fn machine() -> Vec<Link> {
        let mut links =
            vec![link(2, "eth0", true), link(3, "eth1", true), link(4, "eth2", true), link(9, "cni0", false)];
        links.iter_mut().for_each(|link| link.up = true);
        links
    }

    fn masters(links: &[Link]) -> Vec<(&str, Option<&str>)> {
        let name = |index: u32| links.iter().find(|link| link.index == index).map(|link| link.name.as_str());
        links.iter().map(|link| (link.name.as_str(), link.parts.master.and_then(name))).collect()
    }

    #[test]
    fn links_are_made_of_others_and_of_those_again() {
        let mut links = machine();
        assert_eq!(form(&everything(), &mut links), []);
        let expected = [
            ("eth0", Some("bond0")),
            ("eth1", Some("bond0")),
            ("eth2", Some("br0")),
            ("cni0", None),
            ("bond0", None),
            ("br0", None),
            ("lan5", Some("br0")),
        ];
        assert_eq!(masters(&links), expected);
    }

    #[test]
    fn what_the_config_does_not_want_any_more_goes_and_the_rest_stays() {
        let mut links = machine();
        form(&everything(), &mut links);
        let bridge = links.iter().find(|link| link.name == "br0").unwrap().index;
        let mut network = everything();
        network.bonds.insert("bond0".into(), bond(&["eth0"]));
        network.vlans.get_mut("lan5").unwrap().id = 6;
        form(&network, &mut links);
        assert_eq!(links.iter().find(|link| link.name == "br0").unwrap().index, bridge);
        let lan = links.iter().find(|link| link.name == "lan5").unwrap();
        assert_eq!(lan.parts.ours, Some(Some(Made::Vlan { id: 6 })));
        assert!(masters(&links).contains(&("eth1", None)));
        assert_eq!(form(&NodeNetwork::default(), &mut links), []);
        assert_eq!(
            links.iter().map(|link| link.name.as_str()).collect::<Vec<_>>(),
            ["eth0", "eth1", "eth2", "cni0"]
        );
    }

    #[test]
    fn what_can_not_be_made_is_told_and_nothing_of_others_is_touched() {
        let mut network = NodeNetwork::default();
        network.ethernets.insert("eth9".into(), Ethernet::default());
        let vlan = Vlan { id: 5, below: "eth9".into(), ..Vlan::default() };
        network.vlans.insert("lan5".into(), vlan);
        network.bridges.insert("cni0".into(), Bridge::default());
        let mut links = machine();
        let before = links.clone();
        let lacking: Vec<String> = form(&network, &mut links).into_iter().map(|(text, _)| text).collect();
        assert_eq!(
            lacking,
            [
                "network.bridges.cni0: there is a link of this name that was not made here",
                "network.vlans.lan5: the link that it is on is missing"
            ]
        );
        assert_eq!(links, before);
    }
}

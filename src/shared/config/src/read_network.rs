//! Reads a [`NodeNetwork`].

use std::collections::BTreeMap;

use crate::checks;
use crate::decode::{Context, Fault, Fields, boolean, checked, entries, list, number, one_of, text};
use crate::value::{Node, Value};
use crate::{
    Bond, BondMode, BondParameters, Bridge, BridgeParameters, Ethernet, HashPolicy, LacpRate, LinkMatch,
    Nameservers, NodeNetwork, Route, Vlan,
};

const MODES: &[(&str, BondMode)] = &[
    ("active-backup", BondMode::ActiveBackup),
    ("balance-xor", BondMode::BalanceXor),
    ("802.3ad", BondMode::Lacp),
];
const RATES: &[(&str, LacpRate)] = &[("slow", LacpRate::Slow), ("fast", LacpRate::Fast)];
const POLICIES: &[(&str, HashPolicy)] =
    &[("layer2", HashPolicy::Layer2), ("layer2+3", HashPolicy::Layer23), ("layer3+4", HashPolicy::Layer34)];
/// Keys of every link that come later.
const PLANNED: &[&str] = &["dhcp6", "accept-ra", "set-name", "dhcp4-overrides", "macaddress"];

/// Reads the key; `None` if an error was reported.
pub(crate) fn network(cx: &mut Context, node: &Node) -> Option<NodeNetwork> {
    let mut f = Fields::new(cx, node, &[])?;
    let network = NodeNetwork {
        ethernets: f.optional(cx, "ethernets", |cx, node| links(cx, node, ethernet)).unwrap_or_default(),
        bonds: f.optional(cx, "bonds", |cx, node| links(cx, node, bond)).unwrap_or_default(),
        vlans: f.optional(cx, "vlans", |cx, node| links(cx, node, vlan)).unwrap_or_default(),
        bridges: f.optional(cx, "bridges", |cx, node| links(cx, node, bridge)).unwrap_or_default(),
        node_address: f.optional(cx, "nodeAddress", checked(checks::range)),
    };
    f.finish(cx);
    if cx.errors.is_empty() {
        check_relations(cx, node, &network);
    }
    Some(network)
}

/// Reads entries by name.
fn links<T>(
    cx: &mut Context,
    node: &Node,
    read: impl Fn(&mut Context, &Node) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let mut links = BTreeMap::new();
    for (key, value) in entries(cx, node)? {
        let link = cx.at(key.text.clone(), |cx| {
            let check = if value.get("match").is_some() { checks::entry_name } else { checks::link_name };
            check(&key.text).map_err(|fault| cx.report(key.place, fault)).ok()?;
            read(cx, value)
        });
        if let Some(link) = link
            && links.insert(key.text.clone(), link).is_some()
        {
            // In a text of ours it was reported already; here are also those that were put together from another one.
            cx.report(key.place, Fault::new(format!("two links are called {:?}", key.text)));
        }
    }
    Some(links)
}

fn ethernet(cx: &mut Context, node: &Node) -> Option<Ethernet> {
    let mut f = Fields::new(cx, node, PLANNED)?;
    let matches = f.optional(cx, "match", link_match);
    let link = Ethernet { matches, ..settings(cx, &mut f, node) };
    f.finish(cx);
    Some(link)
}

/// Reads what links of all kinds have.
fn settings(cx: &mut Context, f: &mut Fields<'_>, node: &Node) -> Ethernet {
    let link = Ethernet {
        matches: None,
        dhcp4: f.optional(cx, "dhcp4", boolean).unwrap_or_default(),
        addresses: f.optional(cx, "addresses", list(checked(checks::cidr))).unwrap_or_default(),
        routes: f.optional(cx, "routes", list(route)).unwrap_or_default(),
        nameservers: f.optional(cx, "nameservers", nameservers).unwrap_or_default(),
        mtu: f.optional(cx, "mtu", number(576, 9216)),
        optional: f.optional(cx, "optional", boolean).unwrap_or_default(),
    };
    if link.addresses.is_empty() && !link.routes.is_empty() && !link.dhcp4 {
        let fault = Fault::new("routes need an address: expected addresses or dhcp4, found neither");
        cx.report(node.place, fault);
    }
    link
}

fn bond(cx: &mut Context, node: &Node) -> Option<Bond> {
    let mut f = Fields::new(cx, node, PLANNED)?;
    let interfaces = f.required(cx, "interfaces", list(text));
    let parameters = f.optional(cx, "parameters", bond_parameters).unwrap_or_default();
    let link = settings(cx, &mut f, node);
    f.finish(cx);
    Some(Bond { interfaces: interfaces?, parameters, link })
}

fn bond_parameters(cx: &mut Context, node: &Node) -> Option<BondParameters> {
    let mut f = Fields::new(cx, node, &["primary", "min-links", "up-delay", "down-delay", "ad-select"])?;
    let usual = BondParameters::default();
    let modes = one_of(MODES, &["balance-rr", "broadcast", "balance-tlb", "balance-alb"]);
    let interval = number(10, 60_000);
    let read = BondParameters {
        mode: f.optional(cx, "mode", modes).unwrap_or(usual.mode),
        mii_monitor_interval: f
            .optional(cx, "mii-monitor-interval", interval)
            .unwrap_or(usual.mii_monitor_interval),
        lacp_rate: f.optional(cx, "lacp-rate", one_of(RATES, &[])).unwrap_or(usual.lacp_rate),
        transmit_hash_policy: f
            .optional(cx, "transmit-hash-policy", one_of(POLICIES, &["encap2+3", "encap3+4", "vlan+srcmac"]))
            .unwrap_or(usual.transmit_hash_policy),
    };
    f.finish(cx);
    Some(read)
}

fn vlan(cx: &mut Context, node: &Node) -> Option<Vlan> {
    let mut f = Fields::new(cx, node, PLANNED)?;
    let (id, below) = (f.required(cx, "id", number(1, 4094)), f.required(cx, "link", text));
    let link = settings(cx, &mut f, node);
    f.finish(cx);
    Some(Vlan { id: id?, below: below?, link })
}

fn bridge(cx: &mut Context, node: &Node) -> Option<Bridge> {
    let mut f = Fields::new(cx, node, PLANNED)?;
    let interfaces = f.required(cx, "interfaces", list(text));
    let parameters = f.optional(cx, "parameters", bridge_parameters).unwrap_or_default();
    let link = settings(cx, &mut f, node);
    f.finish(cx);
    Some(Bridge { interfaces: interfaces?, parameters, link })
}

fn bridge_parameters(cx: &mut Context, node: &Node) -> Option<BridgeParameters> {
    let mut f = Fields::new(cx, node, &["priority", "hello-time", "max-age", "ageing-time", "path-cost"])?;
    let usual = BridgeParameters::default();
    let read = BridgeParameters {
        stp: f.optional(cx, "stp", boolean).unwrap_or(usual.stp),
        forward_delay: f.optional(cx, "forward-delay", number(2, 30)).unwrap_or(usual.forward_delay),
    };
    f.finish(cx);
    Some(read)
}

/// Checks what entries say about each other: names are unique, what is referred to exists and is of a kind that fits, a
/// link is a port once and has no address of its own then.
fn check_relations(cx: &mut Context, node: &Node, network: &NodeNetwork) {
    let place = |kind: &str, name: &str| {
        node.get(kind).and_then(|kind| kind.get(name)).map_or(node.place, |entry| entry.place)
    };
    let mut names: Vec<(&str, &str)> = Vec::new();
    let ethernets = network.ethernets.keys().map(|name| ("ethernets", name.as_str()));
    let bonds = network.bonds.keys().map(|name| ("bonds", name.as_str()));
    let vlans = network.vlans.keys().map(|name| ("vlans", name.as_str()));
    let bridges = network.bridges.keys().map(|name| ("bridges", name.as_str()));
    for (kind, name) in ethernets.chain(bonds).chain(vlans).chain(bridges) {
        if let Some((other, _)) = names.iter().find(|(_, own)| *own == name) {
            let fault = Fault::new(format!("{kind}.{name}: {other} has an entry of this name, too"));
            cx.report(place(kind, name), fault);
        }
        names.push((kind, name));
    }
    let mut ports: Vec<&str> = Vec::new();
    let bonds =
        network.bonds.iter().map(|(name, bond)| ("bonds", name, &bond.interfaces, &["ethernets"][..]));
    let bridges = network.bridges.iter();
    let bridges =
        bridges.map(|(name, b)| ("bridges", name, &b.interfaces, &["ethernets", "bonds", "vlans"][..]));
    for (kind, name, interfaces, of) in bonds.chain(bridges) {
        let mut wrong = |text: String| {
            cx.report(place(kind, name), Fault::new(format!("{kind}.{name}.interfaces: {text}")));
        };
        for port in interfaces {
            match names.iter().find(|(_, own)| own == port) {
                None => wrong(format!("there is no entry {port:?} in {}", of.join(", "))),
                Some((other, _)) if !of.contains(other) => {
                    wrong(format!("{port:?} is one of {other}, expected one of {}", of.join(", ")));
                }
                Some(_) if ports.contains(&port.as_str()) => wrong(format!("{port:?} is a port already")),
                Some(_) if has_address(network, port) => {
                    wrong(format!("{port:?} is a port, and can't have addresses or dhcp4 of its own"));
                }
                Some(_) => {}
            }
            ports.push(port);
        }
    }
    for (name, vlan) in &network.vlans {
        let found = names.iter().find(|(_, own)| *own == vlan.below);
        if found.is_none_or(|(kind, _)| *kind == "vlans") {
            let fault = Fault::new(format!(
                "vlans.{name}.link: there is no entry {:?} in ethernets, bonds, bridges",
                vlan.below
            ));
            cx.report(place("vlans", name), fault);
        }
    }
}

fn has_address(network: &NodeNetwork, name: &str) -> bool {
    let ethernet = network.ethernets.get(name);
    let link = ethernet.or_else(|| network.bonds.get(name).map(|bond| &bond.link));
    let link = link.or_else(|| network.vlans.get(name).map(|vlan| &vlan.link));
    link.is_some_and(|link| link.dhcp4 || !link.addresses.is_empty())
}

fn link_match(cx: &mut Context, node: &Node) -> Option<LinkMatch> {
    let mut f = Fields::new(cx, node, &[])?;
    let found = LinkMatch {
        name: f.optional(cx, "name", checked(checks::link_name)),
        macaddress: f.optional(cx, "macaddress", checked(checks::mac_address)),
        driver: f.optional(cx, "driver", drivers).unwrap_or_default(),
    };
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        cx.report(node.place, Fault::new("expected name, macaddress or driver, found none"));
    }
    f.finish(cx);
    Some(found)
}

/// Reads one driver, or a list.
fn drivers(cx: &mut Context, node: &Node) -> Option<Vec<String>> {
    let driver = checked(checks::entry_name);
    match &node.value {
        Value::List(_) => list(driver)(cx, node),
        _ => driver(cx, node).map(|one| vec![one]),
    }
}

fn route(cx: &mut Context, node: &Node) -> Option<Route> {
    let mut f = Fields::new(cx, node, &["on-link", "table"])?;
    let to = f.required(cx, "to", checked(checks::destination));
    let via = f.required(cx, "via", checked(checks::address));
    let metric = f.optional(cx, "metric", number(0, i64::from(u32::MAX))).unwrap_or_default();
    f.finish(cx);
    Some(Route { to: to?, via: via?, metric })
}

fn nameservers(cx: &mut Context, node: &Node) -> Option<Nameservers> {
    let mut f = Fields::new(cx, node, &[])?;
    let found = Nameservers {
        addresses: f.optional(cx, "addresses", list(checked(checks::address))).unwrap_or_default(),
        search: f.optional(cx, "search", list(checked(checks::dns_name))).unwrap_or_default(),
    };
    f.finish(cx);
    Some(found)
}

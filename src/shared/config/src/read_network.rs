//! Reads a [`NodeNetwork`].

use std::collections::BTreeMap;

use crate::checks;
use crate::decode::{Context, Fault, Fields, boolean, checked, entries, list, number};
use crate::value::{Node, Value};
use crate::{Ethernet, LinkMatch, Nameservers, NodeNetwork, Route};

/// Reads the key; `None` if an error was reported.
pub(crate) fn network(cx: &mut Context, node: &Node) -> Option<NodeNetwork> {
    let mut f = Fields::new(cx, node, &["bonds", "vlans", "bridges"])?;
    let ethernets = f.optional(cx, "ethernets", ethernets);
    let node_address = f.optional(cx, "nodeAddress", checked(checks::range));
    f.finish(cx);
    Some(NodeNetwork { ethernets: ethernets.unwrap_or_default(), node_address })
}

fn ethernets(cx: &mut Context, node: &Node) -> Option<BTreeMap<String, Ethernet>> {
    let mut links = BTreeMap::new();
    for (key, value) in entries(cx, node)? {
        let link = cx.at(key.text.clone(), |cx| {
            let has_match =
                matches!(&value.value, Value::Map(all) if all.iter().any(|(k, _)| k.text == "match"));
            let check = if has_match { checks::entry_name } else { checks::link_name };
            check(&key.text).map_err(|fault| cx.report(key.place, fault)).ok()?;
            ethernet(cx, value)
        });
        links.extend(link.map(|link| (key.text.clone(), link)));
    }
    Some(links)
}

fn ethernet(cx: &mut Context, node: &Node) -> Option<Ethernet> {
    let mut f = Fields::new(cx, node, &["dhcp6", "accept-ra", "set-name", "dhcp4-overrides"])?;
    let link = Ethernet {
        matches: f.optional(cx, "match", link_match),
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
    f.finish(cx);
    Some(link)
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

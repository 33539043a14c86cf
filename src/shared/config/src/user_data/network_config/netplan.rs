//! Version 2: the form of netplan, whose names of keys are ours. cloud-init takes a subset of it.
//!
//! What our reader does not know is left in the tree: it reports it.

use super::{ipv4_only, is_ipv6, one_or_more, without_ipv6};
use crate::decode::{Context, Fault, entries};
use crate::value::{Key, Node, Value};

/// Keys about IPv6 alone, which change nothing about IPv4.
const IPV6: [&str; 7] = [
    "accept-ra",
    "dhcp6",
    "dhcp6-overrides",
    "gateway6",
    "ipv6-address-generation",
    "ipv6-address-token",
    "ipv6-privacy",
];
/// Keys that nobody misses on a node.
const WITHOUT_EFFECT: [&str; 8] = [
    "critical",
    "dhcp-identifier",
    "emit-lldp",
    "ignore-carrier",
    "link-local",
    "optional-addresses",
    "renderer",
    "wakeonlan",
];
/// Keys of a route that change nothing: how the gateway is reached is found by the addresses.
const OF_ROUTE: [&str; 3] = ["on-link", "scope", "type"];

/// Translates the whole text.
pub(super) fn network(cx: &mut Context, root: &Node) -> Option<Node> {
    let mut kept = Vec::new();
    for (key, node) in entries(cx, root)? {
        match key.text.as_str() {
            "version" | "renderer" => {}
            "ethernets" | "bonds" | "vlans" | "bridges" => kept.push((key.clone(), devices(cx, key, node)?)),
            _ => kept.push((key.clone(), node.clone())),
        }
    }
    Some(Node { place: root.place, value: Value::Map(kept) })
}

/// Translates the links of one kind.
fn devices(cx: &mut Context, kind: &Key, node: &Node) -> Option<Node> {
    let mut kept = Vec::new();
    for (name, node) in entries(cx, node)? {
        let path = format!("{}.{}", kind.text, name.text);
        let device = cx.at(path, |cx| device(cx, node))?;
        kept.push((name.clone(), device));
    }
    Some(Node { place: node.place, value: Value::Map(kept) })
}

/// Translates one link.
fn device(cx: &mut Context, node: &Node) -> Option<Node> {
    let (mut kept, mut routes): (Vec<(Key, Node)>, Vec<Node>) = (Vec::new(), Vec::new());
    for (key, node) in entries(cx, node)? {
        match key.text.as_str() {
            _ if node.value == Value::Null => {}
            "addresses" => {
                let items = ipv4_only(cx, one_or_more(node));
                kept.push((key.clone(), Node::list(node.place, items)));
            }
            "gateway4" => {
                let to = Node::text(node.place, "default");
                routes.push(Node::map(node.place, vec![("to", to), ("via", node.clone())]));
            }
            "routes" => routes.extend(one_or_more(node).iter().filter_map(|route| self::route(cx, route))),
            "nameservers" => kept.push((key.clone(), nameservers(cx, node)?)),
            "set-name" => {
                let fault = Fault::new("set-name has no effect: links keep the kernel's names");
                cx.warn(key.place, fault.hint("match finds a link whatever its name is"));
            }
            name if IPV6.contains(&name) => {
                if !matches!(node.value, Value::Bool(false)) {
                    without_ipv6(cx, &Node { place: key.place, value: Value::Null });
                }
            }
            "link-local" => {}
            name if WITHOUT_EFFECT.contains(&name) => {
                cx.warn(key.place, Fault::new(format!("{name} has no effect on a node")));
            }
            _ => kept.push((key.clone(), node.clone())),
        }
    }
    if !routes.is_empty() {
        let place = routes[0].place;
        kept.push((Key { text: "routes".to_owned(), place }, Node::list(place, routes)));
    }
    Some(Node { place: node.place, value: Value::Map(kept) })
}

/// Translates a route; `None` if it is of IPv6.
fn route(cx: &mut Context, route: &Node) -> Option<Node> {
    let Value::Map(all) = &route.value else { return Some(route.clone()) };
    if [route.get("to"), route.get("via")].into_iter().flatten().any(is_ipv6) {
        without_ipv6(cx, route);
        return None;
    }
    let usual = |key: &str, node: &Node| match (key, &node.value) {
        ("on-link", _) => true,
        ("scope", Value::Text(value)) => value == "global",
        ("type", Value::Text(value)) => value == "unicast",
        _ => false,
    };
    let kept = all.iter().filter(|(key, node)| !(OF_ROUTE.contains(&&*key.text) && usual(&key.text, node)));
    Some(Node { place: route.place, value: Value::Map(kept.cloned().collect()) })
}

/// Translates name servers.
fn nameservers(cx: &mut Context, node: &Node) -> Option<Node> {
    let mut kept = Vec::new();
    for (key, value) in entries(cx, node)? {
        let items = match key.text.as_str() {
            "addresses" => ipv4_only(cx, one_or_more(value)),
            "search" => one_or_more(value),
            _ => {
                kept.push((key.clone(), value.clone()));
                continue;
            }
        };
        kept.push((key.clone(), Node::list(value.place, items)));
    }
    Some(Node { place: node.place, value: Value::Map(kept) })
}

//! Version 1: a list of links, each with subnets. Proxmox, and older tools, write it.

use super::device::Device;
use super::{one_or_more, without_ipv6};
use crate::decode::{Context, Fault, entries, text};
use crate::value::{Key, Node, Value};

/// What the list describes, so far.
#[derive(Default)]
struct Config {
    devices: Vec<Device>,
    /// Name servers for all links.
    servers: Vec<Node>,
    /// Routes that name no link.
    routes: Vec<Node>,
}

/// Translates the whole text.
pub(super) fn network(cx: &mut Context, root: &Node) -> Option<Node> {
    let Some(list) = root.get("config") else {
        cx.report(root.place, Fault::new("key \"config\" is missing: a list of links"));
        return None;
    };
    let Value::List(items) = &list.value else {
        let fault = Fault::new("config: expected a list of links");
        cx.report(list.place, fault.hint("remove the text: without it a node asks DHCP on every link"));
        return None;
    };
    let mut config = Config::default();
    for (i, item) in items.iter().enumerate() {
        cx.at(format!("config.{i}"), |cx| add(cx, item, &mut config));
    }
    let Config { mut devices, servers, routes } = config;
    for device in &mut devices {
        for server in &servers {
            global_servers(cx, server, device);
        }
    }
    for route in &routes {
        match &mut devices[..] {
            [one] => one.add_route(cx, route),
            _ => {
                let fault = Fault::new("a route needs its link if there are several");
                cx.report(route.place, fault.hint("put it below routes of the link's subnet"));
            }
        }
    }
    Some(Device::network(list.place, devices))
}

/// Adds one item of the list.
fn add(cx: &mut Context, item: &Node, to: &mut Config) {
    let Some(all) = entries(cx, item) else { return };
    let Some(kind) = item.get("type").and_then(|kind| text(cx, kind)) else {
        return cx.report(item.place, Fault::new("key \"type\" is missing"));
    };
    match kind.as_str() {
        "physical" | "bond" | "bridge" | "vlan" => {
            let Some(mut device) = link(cx, item, all) else { return };
            device.kind = match kind.as_str() {
                "bond" => "bonds",
                "bridge" => "bridges",
                "vlan" => "vlans",
                _ => "ethernets",
            };
            if to.devices.iter().any(|other| other.name == device.name) {
                return cx.report(item.place, Fault::new(format!("name: {:?} is repeated", device.name)));
            }
            to.devices.push(device);
        }
        "nameserver" => to.servers.push(item.clone()),
        "route" => to.routes.push(item.clone()),
        "loopback" => {}
        _ => {
            let known = "physical, bond, bridge, vlan, nameserver or route";
            let fault = Fault::new(format!("type: expected {known}, found {kind:?}"));
            cx.report(item.place, fault);
        }
    }
}

/// Reads a link.
fn link(cx: &mut Context, item: &Node, all: &[(Key, Node)]) -> Option<Device> {
    let Some(name) = item.get("name").and_then(|name| text(cx, name)) else {
        cx.report(item.place, Fault::new("key \"name\" is missing"));
        return None;
    };
    let mut device = Device::new(&name, item.place);
    for (key, node) in all {
        match key.text.as_str() {
            "type" | "name" => {}
            _ if node.value == Value::Null => {}
            "mac_address" => device.match_address(node),
            "mtu" => device.set("mtu", node.clone()),
            "bond_interfaces" | "bridge_interfaces" => {
                device.set("interfaces", Node::list(node.place, one_or_more(node)));
            }
            "vlan_link" => device.set("link", node.clone()),
            "vlan_id" => device.set("id", node.clone()),
            "params" => device.set("parameters", parameters(cx, node)),
            "subnets" => {
                for subnet in one_or_more(node) {
                    add_subnet(cx, &subnet, &mut device);
                }
            }
            "accept-ra" if node.value == Value::Bool(true) => without_ipv6(cx, node),
            "accept-ra" => {}
            "wakeonlan" | "keep_configuration" => {
                cx.warn(key.place, Fault::new("this has no effect on a node"))
            }
            other => cx.report(key.place, unknown(other, "name, mac_address, mtu, params, subnets")),
        }
    }
    Some(device)
}

/// Returns the parameters of a bond or bridge with the names of netplan; what has none is left for the reader to report.
fn parameters(cx: &mut Context, node: &Node) -> Node {
    let Some(all) = entries(cx, node) else { return Node { place: node.place, value: Value::Broken } };
    let translated = all.iter().map(|(key, node)| {
        let dashed = key.text.replace('_', "-");
        let (name, node) = match dashed.as_str() {
            "bond-mode" => ("mode", word(node, &[(1, "active-backup"), (2, "balance-xor"), (4, "802.3ad")])),
            "bond-miimon" => ("mii-monitor-interval", number(node)),
            "bond-lacp-rate" => ("lacp-rate", word(node, &[(0, "slow"), (1, "fast")])),
            "bond-xmit-hash-policy" => ("transmit-hash-policy", node.clone()),
            "bridge-stp" => ("stp", node.clone()),
            "bridge-fd" => ("forward-delay", number(node)),
            _ => (key.text.as_str(), node.clone()),
        };
        (Key { text: name.to_owned(), place: key.place }, node)
    });
    Node { place: node.place, value: Value::Map(translated.collect()) }
}

/// Returns a number that may be written as text.
fn number(node: &Node) -> Node {
    let number = match &node.value {
        Value::Text(text) => text.parse().ok().map(Value::Integer),
        _ => None,
    };
    Node { place: node.place, value: number.unwrap_or_else(|| node.value.clone()) }
}

/// Returns a word that may be written as its number.
fn word(node: &Node, words: &[(i64, &str)]) -> Node {
    let Value::Integer(number) = self::number(node).value else { return node.clone() };
    let word = words.iter().find(|(own, _)| *own == number);
    word.map_or_else(|| node.clone(), |(_, word)| Node::text(node.place, *word))
}

/// Adds a subnet to a link.
fn add_subnet(cx: &mut Context, subnet: &Node, device: &mut Device) {
    let Some(all) = entries(cx, subnet) else { return };
    let kind = match subnet.get("type").map(|kind| text(cx, kind)) {
        Some(Some(kind)) => kind,
        Some(None) => return,
        None => return cx.report(subnet.place, Fault::new("key \"type\" is missing")),
    };
    match kind.as_str() {
        "dhcp" | "dhcp4" => device.ask_dhcp(subnet.place),
        "manual" | "static" | "static4" => {}
        "dhcp6" | "static6" => return without_ipv6(cx, subnet),
        other if other.starts_with("ipv6_") => return without_ipv6(cx, subnet),
        other => {
            let fault = Fault::new(format!("type: expected dhcp, dhcp4, static or manual, found {other:?}"));
            return cx.report(subnet.place, fault);
        }
    }
    for (key, node) in all {
        match key.text.as_str() {
            "type" | "netmask" | "broadcast" => {}
            _ if node.value == Value::Null => {}
            "address" => device.add_address(cx, node, subnet.get("netmask")),
            "gateway" => device.add_gateway(cx, node),
            "dns_nameservers" => device.add_dns(cx, node),
            "dns_search" => device.add_search(node),
            "routes" => one_or_more(node).iter().for_each(|route| device.add_route(cx, route)),
            "control" if node.value == Value::Text("auto".to_owned()) => {}
            "control" => {
                let fault = Fault::new("control: a node sets up every link, expected auto");
                cx.report(node.place, fault.hint("remove the link, or give it no address"));
            }
            "ipv4" | "ipv6" => {}
            other => cx.report(
                key.place,
                unknown(other, "type, address, netmask, gateway, dns_nameservers, dns_search, routes"),
            ),
        }
    }
}

/// Adds an item `nameserver` to a link.
fn global_servers(cx: &mut Context, item: &Node, device: &mut Device) {
    if item.get("interface").is_some_and(|name| name.value != Value::Text(device.name.clone())) {
        return;
    }
    if let Some(servers) = item.get("address") {
        device.add_dns(cx, servers);
    }
    if let Some(domains) = item.get("search") {
        device.add_search(domains);
    }
}

fn unknown(key: &str, known: &str) -> Fault {
    Fault::new(format!("unknown key {key:?}")).hint(format!("known here: {known}"))
}

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
    let links = devices.into_iter().map(Device::entry).collect();
    Some(Node::map(root.place, vec![("ethernets", Node::map(list.place, links))]))
}

/// Adds one item of the list.
fn add(cx: &mut Context, item: &Node, to: &mut Config) {
    let Some(all) = entries(cx, item) else { return };
    let Some(kind) = item.get("type").and_then(|kind| text(cx, kind)) else {
        return cx.report(item.place, Fault::new("key \"type\" is missing"));
    };
    match kind.as_str() {
        "physical" => {
            let Some(device) = link(cx, item, all) else { return };
            if to.devices.iter().any(|other| other.name == device.name) {
                return cx.report(item.place, Fault::new(format!("name: {:?} is repeated", device.name)));
            }
            to.devices.push(device);
        }
        "nameserver" => to.servers.push(item.clone()),
        "route" => to.routes.push(item.clone()),
        "loopback" => {}
        "bond" | "bridge" | "vlan" => {
            cx.report(item.place, Fault::new(format!("type: {kind:?} is planned, but not supported yet")));
        }
        _ => {
            let fault = Fault::new(format!("type: expected physical, nameserver or route, found {kind:?}"));
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
            other => cx.report(key.place, unknown(other, "name, mac_address, mtu, subnets")),
        }
    }
    Some(device)
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

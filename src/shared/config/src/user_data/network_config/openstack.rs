//! OpenStack's `network_data.json`: links, the networks on them, and name servers.

use super::device::Device;
use super::{one_or_more, without_ipv6};
use crate::decode::{Context, Fault, entries, list, text};
use crate::value::{Node, Value};

/// Types of links that are other links put together.
const MADE_UP: [&str; 2] = ["bond", "vlan"];

/// Translates the whole text.
pub(super) fn network(cx: &mut Context, root: &Node) -> Option<Node> {
    let links = root.get("links")?;
    let mut devices: Vec<Device> = cx
        .at("links", |cx| list(|cx, node| Some(link(cx, node)))(cx, links))?
        .into_iter()
        .flatten()
        .collect();
    let networks = root.get("networks")?;
    for (i, network) in one_or_more(networks).iter().enumerate() {
        cx.at(format!("networks.{i}"), |cx| add_network(cx, network, &mut devices));
    }
    for service in root.get("services").map(one_or_more).unwrap_or_default() {
        devices.iter_mut().for_each(|device| add_service(cx, &service, device));
    }
    let links = devices.into_iter().map(Device::entry).collect();
    Some(Node::map(root.place, vec![("ethernets", Node::map(root.place, links))]))
}

/// Reads a link.
fn link(cx: &mut Context, node: &Node) -> Option<Device> {
    entries(cx, node)?;
    let id = required(cx, node, "id")?;
    if let Some(Value::Text(kind)) = node.get("type").map(|kind| &kind.value)
        && MADE_UP.contains(&kind.as_str())
    {
        cx.report(node.place, Fault::new(format!("type: {kind:?} is planned, but not supported yet")));
        return None;
    }
    let mut device = Device::new(&id, node.place);
    match node.get("ethernet_mac_address") {
        Some(address) => device.match_address(address),
        None => cx.report(node.place, Fault::new("key \"ethernet_mac_address\" is missing")),
    }
    if let Some(mtu) = node.get("mtu").filter(|mtu| mtu.value != Value::Null) {
        device.set("mtu", mtu.clone());
    }
    Some(device)
}

/// Adds a network to its link.
fn add_network(cx: &mut Context, node: &Node, devices: &mut [Device]) -> Option<()> {
    entries(cx, node)?;
    let (id, kind) = (required(cx, node, "link")?, required(cx, node, "type")?);
    let Some(device) = devices.iter_mut().find(|device| device.name == id) else {
        // A link that could not be read was reported.
        if cx.errors.is_empty() {
            cx.report(node.place, Fault::new(format!("link: there is no link {id:?}")));
        }
        return None;
    };
    match kind.as_str() {
        "ipv4_dhcp" => device.ask_dhcp(node.place),
        "ipv4" => match node.get("ip_address") {
            Some(address) => device.add_address(cx, address, node.get("netmask")),
            None => cx.report(node.place, Fault::new("key \"ip_address\" is missing")),
        },
        other if other.starts_with("ipv6") => {
            without_ipv6(cx, node);
            return Some(());
        }
        other => {
            cx.report(node.place, Fault::new(format!("type: expected ipv4 or ipv4_dhcp, found {other:?}")))
        }
    }
    if let Some(gateway) = node.get("gateway") {
        device.add_gateway(cx, gateway);
    }
    for route in node.get("routes").map(one_or_more).unwrap_or_default() {
        device.add_route(cx, &route);
    }
    for service in node.get("services").map(one_or_more).unwrap_or_default() {
        add_service(cx, &service, device);
    }
    if let Some(servers) = node.get("dns_nameservers") {
        device.add_dns(cx, servers);
    }
    Some(())
}

/// Adds a service, if it is a name server.
fn add_service(cx: &mut Context, service: &Node, device: &mut Device) {
    if service.get("type").is_some_and(|kind| kind.value == Value::Text("dns".to_owned()))
        && let Some(address) = service.get("address")
    {
        device.add_dns(cx, address);
    }
}

/// Reads a key of text.
fn required(cx: &mut Context, node: &Node, key: &str) -> Option<String> {
    match node.get(key) {
        Some(value) => cx.at(key, |cx| text(cx, value)),
        None => {
            cx.report(node.place, Fault::new(format!("key {key:?} is missing")));
            None
        }
    }
}

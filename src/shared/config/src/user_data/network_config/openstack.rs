//! OpenStack's `network_data.json`: links, the networks on them, and name servers.

use super::device::Device;
use super::{one_or_more, without_ipv6};
use crate::decode::{Context, Fault, entries, text};
use crate::value::{Node, Value};

/// A link, and what OpenStack calls it: names of links that are made here have to be short.
struct Known {
    id: String,
    device: Device,
}

/// Translates the whole text.
pub(super) fn network(cx: &mut Context, root: &Node) -> Option<Node> {
    let mut devices: Vec<Known> = Vec::new();
    // Those that are made of others refer to links before them or after them.
    let links = one_or_more(root.get("links")?);
    for made in [false, true] {
        for (i, node) in links.iter().enumerate().filter(|(_, node)| is_made(node) == made) {
            let link = cx.at(format!("links.{i}"), |cx| link(cx, node, &devices));
            devices.extend(link);
        }
    }
    for (i, network) in one_or_more(root.get("networks")?).iter().enumerate() {
        cx.at(format!("networks.{i}"), |cx| add_network(cx, network, &mut devices));
    }
    for service in root.get("services").map(one_or_more).unwrap_or_default() {
        devices.iter_mut().for_each(|known| add_service(cx, &service, &mut known.device));
    }
    Some(Device::network(root.place, devices.into_iter().map(|known| known.device).collect()))
}

/// Whether a link is made of others.
fn is_made(node: &Node) -> bool {
    let kind = node.get("type").map(|kind| &kind.value);
    matches!(kind, Some(Value::Text(kind)) if kind == "bond" || kind == "vlan")
}

/// Reads a link.
fn link(cx: &mut Context, node: &Node, others: &[Known]) -> Option<Known> {
    entries(cx, node)?;
    let id = required(cx, node, "id")?;
    let name =
        |wanted: &str| others.iter().find(|known| known.id == wanted).map(|known| known.device.name.clone());
    let mut device = match node.get("type").map(|kind| &kind.value) {
        Some(Value::Text(kind)) if kind == "bond" => {
            let number = others.iter().filter(|known| known.device.kind == "bonds").count();
            let mut device = Device::new(&format!("bond{number}"), node.place);
            device.kind = "bonds";
            let ports = node.get("bond_links").map(one_or_more).unwrap_or_default();
            let named = |port: &Node| match &port.value {
                Value::Text(text) => Node::text(port.place, name(text).unwrap_or_else(|| text.clone())),
                _ => port.clone(),
            };
            device.set("interfaces", Node::list(node.place, ports.iter().map(named).collect()));
            let parameters = [("bond_mode", "mode"), ("bond_miimon", "mii-monitor-interval")];
            let parameters =
                parameters.into_iter().chain([("bond_xmit_hash_policy", "transmit-hash-policy")]);
            let given = parameters.filter_map(|(theirs, ours)| Some((ours, node.get(theirs)?.clone())));
            device.set("parameters", Node::map(node.place, given.collect()));
            device
        }
        Some(Value::Text(kind)) if kind == "vlan" => {
            let number = node.get("vlan_id").cloned();
            let shown =
                number.as_ref().map(|number| crate::json::value(number).to_string()).unwrap_or_default();
            let mut device = Device::new(&format!("vlan{}", shown.trim_matches('"')), node.place);
            device.kind = "vlans";
            let below = required(cx, node, "vlan_link")?;
            device.set("link", Node::text(node.place, name(&below).unwrap_or(below)));
            number.into_iter().for_each(|number| device.set("id", number));
            device
        }
        _ => {
            let mut device = Device::new(&id, node.place);
            match node.get("ethernet_mac_address") {
                Some(address) => device.match_address(address),
                None => cx.report(node.place, Fault::new("key \"ethernet_mac_address\" is missing")),
            }
            device
        }
    };
    if let Some(mtu) = node.get("mtu").filter(|mtu| mtu.value != Value::Null) {
        device.set("mtu", mtu.clone());
    }
    Some(Known { id, device })
}

/// Adds a network to its link.
fn add_network(cx: &mut Context, node: &Node, devices: &mut [Known]) -> Option<()> {
    entries(cx, node)?;
    let (id, kind) = (required(cx, node, "link")?, required(cx, node, "type")?);
    let Some(Known { device, .. }) = devices.iter_mut().find(|known| known.id == id) else {
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

//! A link as the older forms describe it, bit by bit; becomes an entry of our key `network`.

use super::{ipv4_only, is_ipv6, one_or_more, without_ipv6};
use crate::Cidr;
use crate::decode::{Context, Fault};
use crate::diagnostics::Place;
use crate::value::{Node, Value};

/// A link under construction.
#[derive(Debug)]
pub(super) struct Device {
    /// The key of our `network` below which its entry belongs.
    pub kind: &'static str,
    pub name: String,
    pub place: Place,
    /// Keys that are taken over as they are.
    pub rest: Vec<(&'static str, Node)>,
    addresses: Vec<Node>,
    routes: Vec<Node>,
    dns: Vec<Node>,
    search: Vec<Node>,
}

impl Device {
    pub fn new(name: &str, place: Place) -> Device {
        let (rest, addresses, routes) = (Vec::new(), Vec::new(), Vec::new());
        Device {
            kind: "ethernets",
            name: name.to_owned(),
            place,
            rest,
            addresses,
            routes,
            dns: Vec::new(),
            search: Vec::new(),
        }
    }

    /// Has it ask DHCP.
    pub fn ask_dhcp(&mut self, place: Place) {
        self.set("dhcp4", Node { place, value: Value::Bool(true) });
    }

    /// Sets a key unless it is set.
    pub fn set(&mut self, key: &'static str, node: Node) {
        if !self.rest.iter().any(|(own, _)| *own == key) {
            self.rest.push((key, node));
        }
    }

    /// Means the link with this hardware address.
    pub fn match_address(&mut self, address: &Node) {
        self.set("match", Node::map(address.place, vec![("macaddress", address.clone())]));
    }

    /// Adds an address with the length of its network, or its mask, beside it.
    pub fn add_address(&mut self, cx: &mut Context, address: &Node, mask: Option<&Node>) {
        if is_ipv6(address) {
            return without_ipv6(cx, address);
        }
        self.addresses.extend(with_prefix(cx, address, mask));
    }

    /// Adds the default route.
    pub fn add_gateway(&mut self, cx: &mut Context, gateway: &Node) {
        if is_ipv6(gateway) {
            return without_ipv6(cx, gateway);
        }
        let to = Node::text(gateway.place, "default");
        self.routes.push(Node::map(gateway.place, vec![("to", to), ("via", gateway.clone())]));
    }

    /// Adds a route with keys of the older forms: `network` or `destination`, `netmask` or `prefix`, `gateway`, `metric`.
    pub fn add_route(&mut self, cx: &mut Context, route: &Node) {
        let Some(to) = route.get("network").or_else(|| route.get("destination")) else {
            return cx.report(route.place, Fault::new("key \"network\" is missing"));
        };
        let Some(via) = route.get("gateway") else {
            return cx.report(route.place, Fault::new("key \"gateway\" is missing"));
        };
        if is_ipv6(to) || is_ipv6(via) {
            return without_ipv6(cx, to);
        }
        let mask = route.get("netmask").or_else(|| route.get("prefix"));
        let Some(to) = with_prefix(cx, to, mask) else { return };
        let metric = route.get("metric").map(|metric| ("metric", metric.clone()));
        let entries = [("to", to), ("via", via.clone())].into_iter().chain(metric);
        self.routes.push(Node::map(route.place, entries.collect()));
    }

    /// Adds name servers, one or a list.
    pub fn add_dns(&mut self, cx: &mut Context, servers: &Node) {
        self.dns.extend(ipv4_only(cx, one_or_more(servers)));
    }

    /// Adds search domains, one, several with spaces between them, or a list.
    pub fn add_search(&mut self, domains: &Node) {
        for item in one_or_more(domains) {
            match &item.value {
                Value::Text(text) => {
                    self.search.extend(text.split_whitespace().map(|domain| Node::text(item.place, domain)));
                }
                _ => self.search.push(item),
            }
        }
    }

    /// Returns the key `network` with all of some links.
    pub fn network(place: Place, devices: Vec<Device>) -> Node {
        let mut kinds: Vec<(&str, Vec<(String, Node)>)> = vec![("ethernets", Vec::new())];
        for device in devices {
            let kind = device.kind;
            let entry = device.entry();
            match kinds.iter_mut().find(|(own, _)| *own == kind) {
                Some((_, entries)) => entries.push(entry),
                None => kinds.push((kind, vec![entry])),
            }
        }
        Node::map(place, kinds.into_iter().map(|(kind, entries)| (kind, Node::map(place, entries))).collect())
    }

    /// Returns the entry.
    fn entry(self) -> (String, Node) {
        let place = self.place;
        let mut entries = self.rest;
        let mut add = |key, items: Vec<Node>| {
            if !items.is_empty() {
                entries.push((key, Node::list(place, items)));
            }
        };
        add("addresses", self.addresses);
        add("routes", self.routes);
        let mut servers = Vec::new();
        for (key, items) in [("addresses", self.dns), ("search", self.search)] {
            if !items.is_empty() {
                servers.push((key, Node::list(place, items)));
            }
        }
        if !servers.is_empty() {
            entries.push(("nameservers", Node::map(place, servers)));
        }
        (self.name, Node::map(place, entries))
    }
}

/// Returns an address as `ADDRESS/LENGTH`; what is malformed is left for the reader to report.
fn with_prefix(cx: &mut Context, address: &Node, mask: Option<&Node>) -> Option<Node> {
    let Value::Text(text) = &address.value else { return Some(address.clone()) };
    if text.contains('/') {
        return Some(address.clone());
    }
    let Some(mask) = mask else {
        let fault = Fault::new(format!("expected a prefix length, found {text:?} without one"));
        cx.report(address.place, fault.hint(format!("write {text}/24, or add the key netmask")));
        return None;
    };
    let length = match &mask.value {
        Value::Integer(length) => length.to_string(),
        Value::Text(mask) => length_of(mask).map_or_else(|| mask.clone(), |length| length.to_string()),
        _ => return Some(mask.clone()),
    };
    let both = format!("{text}/{length}");
    if both.parse::<Cidr>().is_err() && length.parse::<u8>().is_err() {
        cx.report(mask.place, Fault::new(format!("expected a mask, as 255.255.255.0, found {length:?}")));
        return None;
    }
    Some(Node::text(address.place, both))
}

/// Returns the length of a mask such as `255.255.255.0`.
fn length_of(mask: &str) -> Option<u32> {
    let bits = u32::from(mask.parse::<std::net::Ipv4Addr>().ok()?);
    (bits.leading_ones() + bits.trailing_zeros() >= 32).then_some(bits.leading_ones())
}

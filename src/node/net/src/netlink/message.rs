//! Messages of rtnetlink: building requests, reading answers. Pure.

use std::net::Ipv4Addr;

use config::Cidr;

use super::made::Parts;

/// `nlmsg_type` values.
pub(crate) mod kind {
    pub const ERROR: u16 = 2;
    pub const DONE: u16 = 3;
    pub const NEW_LINK: u16 = 16;
    pub const DELETE_LINK: u16 = 17;
    pub const GET_LINK: u16 = 18;
    pub const NEW_ADDRESS: u16 = 20;
    pub const DELETE_ADDRESS: u16 = 21;
    pub const GET_ADDRESS: u16 = 22;
    pub const NEW_ROUTE: u16 = 24;
    pub const DELETE_ROUTE: u16 = 25;
    pub const GET_ROUTE: u16 = 26;
}

/// `nlmsg_flags` values.
pub(crate) mod flag {
    pub const REQUEST: u16 = 1;
    pub const ACK: u16 = 4;
    pub const REPLACE: u16 = 0x100;
    pub const EXCLUSIVE: u16 = 0x200;
    pub const DUMP: u16 = 0x300;
    pub const CREATE: u16 = 0x400;
}

const AF_INET: u8 = 2;
const IFF_UP: u32 = 1;
const IFF_LOWER_UP: u32 = 1 << 16;
/// Length of `nlmsghdr`.
pub(crate) const HEADER_BYTES: usize = 16;
/// Length of `ifinfomsg`.
const LINK_BYTES: usize = 16;
/// Length of `ifaddrmsg`.
const ADDRESS_BYTES: usize = 8;
/// Length of `rtmsg`.
const ROUTE_BYTES: usize = 12;
const TABLE_MAIN: u8 = 254;
/// `rtm_protocol` of the routes made here: unassigned otherwise, so that routes of others (containers' networks,
/// routing daemons) are never taken for ours.
const PROTOCOL: u8 = 73;
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
/// As a scope to delete: any.
const SCOPE_NOWHERE: u8 = 255;
const TYPE_UNICAST: u8 = 1;
/// `RTNH_F_ONLINK`: the gateway is reached on the link although no address says so.
const ON_LINK: u32 = 4;

/// A network link as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Number of the link.
    pub index: u32,
    /// Name, such as `eth0`.
    pub name: String,
    /// Hardware address; empty where there is none.
    pub hardware_address: Vec<u8>,
    /// The one that its maker gave it, which it has beside that of a bond; empty where there is none.
    pub permanent_address: Vec<u8>,
    /// `ARPHRD_*`: 1 is Ethernet.
    pub hardware_type: u16,
    /// It is switched on.
    pub up: bool,
    /// It has a carrier.
    pub carrier: bool,
    /// A device of the machine stands behind it, not only the kernel.
    pub physical: bool,
    /// Name of the kernel's driver of that device.
    pub driver: Option<String>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// What it is made of.
    pub(crate) parts: Parts,
}

impl Link {
    /// Returns the hardware address by which people know it.
    #[must_use]
    pub fn own_address(&self) -> &[u8] {
        if self.permanent_address.is_empty() { &self.hardware_address } else { &self.permanent_address }
    }
}

/// A request under construction.
pub(crate) struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Request {
    fn new(kind: u16, flags: u16) -> Request {
        Request { kind, flags: flags | flag::REQUEST, body: Vec::new() }
    }

    /// Attributes alone, as the value of another one.
    pub(super) fn body_alone() -> Request {
        Request::new(0, 0)
    }

    /// Returns what follows the header.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Adds an attribute, padded to four bytes.
    pub(super) fn attribute(mut self, kind: u16, value: &[u8]) -> Request {
        let length = u16::try_from(value.len() + 4).expect("attributes of requests are short");
        self.body.extend_from_slice(&length.to_ne_bytes());
        self.body.extend_from_slice(&kind.to_ne_bytes());
        self.body.extend_from_slice(value);
        self.body.resize(self.body.len().next_multiple_of(4), 0);
        self
    }

    fn fixed(mut self, parts: &[&[u8]]) -> Request {
        parts.iter().for_each(|p| self.body.extend_from_slice(p));
        self
    }

    /// The whole message with its header.
    pub(crate) fn encode(&self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(HEADER_BYTES + self.body.len()).expect("requests are short");
        let mut message = Vec::with_capacity(HEADER_BYTES + self.body.len());
        message.extend_from_slice(&length.to_ne_bytes());
        message.extend_from_slice(&self.kind.to_ne_bytes());
        message.extend_from_slice(&self.flags.to_ne_bytes());
        message.extend_from_slice(&sequence.to_ne_bytes());
        message.extend_from_slice(&0u32.to_ne_bytes());
        message.extend_from_slice(&self.body);
        message
    }
}

/// Asks for all links.
pub(crate) fn get_links() -> Request {
    Request::new(kind::GET_LINK, flag::DUMP).fixed(&[&[0; LINK_BYTES]])
}

/// Begins a request about a link: its number, and which of its flags become what.
pub(super) fn link_head(kind: u16, flags: u16, index: u32, (state, changed): (u32, u32)) -> Request {
    let numbers = [index, state, changed].map(u32::to_ne_bytes);
    Request::new(kind, flags).fixed(&[&[0; 4], &numbers[0], &numbers[1], &numbers[2]])
}

/// Switches a link off.
pub(crate) fn set_link_down(index: u32) -> Request {
    link_head(kind::NEW_LINK, flag::ACK, index, (0, IFF_UP))
}

/// Switches a link on, and sets its largest packet where one is given.
pub(crate) fn set_link_up(index: u32, mtu: Option<u32>) -> Request {
    let request = link_head(kind::NEW_LINK, flag::ACK, index, (IFF_UP, IFF_UP));
    match mtu {
        Some(mtu) => request.attribute(4, &mtu.to_ne_bytes()),
        None => request,
    }
}

/// Asks for all IPv4 addresses.
pub(crate) fn get_addresses() -> Request {
    Request::new(kind::GET_ADDRESS, flag::DUMP).fixed(&[&[AF_INET], &[0; ADDRESS_BYTES - 1]])
}

/// Gives a link an address.
pub(crate) fn add_address(index: u32, address: Cidr) -> Request {
    let request =
        address_request(kind::NEW_ADDRESS, flag::ACK | flag::CREATE | flag::REPLACE, index, address);
    // A range of one or two addresses has no broadcast address.
    let last = (address.prefix() < 31).then(|| broadcast(address));
    match last {
        Some(last) => request.attribute(4, &last.octets()),
        None => request,
    }
}

/// Takes an address from a link.
pub(crate) fn delete_address(index: u32, address: Cidr) -> Request {
    address_request(kind::DELETE_ADDRESS, flag::ACK, index, address)
}

fn address_request(kind: u16, flags: u16, index: u32, address: Cidr) -> Request {
    let octets = address.address().octets();
    Request::new(kind, flags)
        .fixed(&[&[AF_INET, address.prefix(), 0, 0], &index.to_ne_bytes()])
        .attribute(2, &octets)
        .attribute(1, &octets)
}

/// The last address of the range.
fn broadcast(address: Cidr) -> Ipv4Addr {
    let host_bits = u32::MAX.checked_shr(u32::from(address.prefix())).unwrap_or(0);
    Ipv4Addr::from(u32::from(address.network()) | host_bits)
}

/// A route of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Number of the link.
    pub index: u32,
    /// Destination, host part zero.
    pub to: Cidr,
    /// Gateway; none: directly on the link.
    pub via: Option<Ipv4Addr>,
    /// The gateway lies in none of the link's networks, but is there.
    pub on_link: bool,
    /// Lower is preferred.
    pub metric: u32,
}

/// Asks for all IPv4 routes.
pub(crate) fn get_routes() -> Request {
    Request::new(kind::GET_ROUTE, flag::DUMP).fixed(&[&[AF_INET], &[0; ROUTE_BYTES - 1]])
}

/// Makes a route, or changes the one of that destination and metric.
pub(crate) fn add_route(route: &Route) -> Request {
    let scope = if route.via.is_some() { SCOPE_UNIVERSE } else { SCOPE_LINK };
    route_request((kind::NEW_ROUTE, flag::ACK | flag::CREATE | flag::REPLACE), scope, route)
}

/// Removes a route.
pub(crate) fn delete_route(route: &Route) -> Request {
    route_request((kind::DELETE_ROUTE, flag::ACK), SCOPE_NOWHERE, route)
}

fn route_request((kind, flags): (u16, u16), scope: u8, route: &Route) -> Request {
    let head = [AF_INET, route.to.prefix(), 0, 0, TABLE_MAIN, PROTOCOL, scope, TYPE_UNICAST];
    let route_flags = if route.on_link { ON_LINK } else { 0 };
    let request = Request::new(kind, flags)
        .fixed(&[&head, &route_flags.to_ne_bytes()])
        .attribute(1, &route.to.network().octets())
        .attribute(4, &route.index.to_ne_bytes())
        .attribute(6, &route.metric.to_ne_bytes());
    match route.via {
        Some(via) => request.attribute(5, &via.octets()),
        None => request,
    }
}

/// Reads a route; `None` for one that was not made here.
pub(crate) fn parse_route(body: &[u8]) -> Option<Route> {
    let head = body.get(..ROUTE_BYTES)?;
    if (head[0], head[4], head[5], head[7]) != (AF_INET, TABLE_MAIN, PROTOCOL, TYPE_UNICAST) {
        return None;
    }
    let octets = |value: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?));
    let (mut to, mut via, mut index, mut metric) = (Ipv4Addr::UNSPECIFIED, None, None, 0);
    for (kind, value) in attributes(body.get(ROUTE_BYTES..)?) {
        match kind {
            1 => to = octets(value)?,
            4 => index = u32_at(value, 0),
            5 => via = Some(octets(value)?),
            6 => metric = u32_at(value, 0)?,
            _ => {}
        }
    }
    let on_link = u32_at(head, 8)? & ON_LINK != 0;
    Some(Route { index: index?, to: Cidr::new(to, head[1])?, via, on_link, metric })
}

/// One message out of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub kind: u16,
    pub sequence: u32,
    pub body: &'a [u8],
}

/// Splits a datagram into messages; what is cut off at its end is dropped.
pub(crate) fn split(mut datagram: &[u8]) -> Vec<Answer<'_>> {
    let mut answers = Vec::new();
    while let Some(length) = u32_at(datagram, 0).and_then(|l| usize::try_from(l).ok()) {
        let (Some(kind), Some(sequence)) = (u16_at(datagram, 4), u32_at(datagram, 8)) else { break };
        let Some(body) = datagram.get(HEADER_BYTES..length) else { break };
        answers.push(Answer { kind, sequence, body });
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    answers
}

/// Reads the code of an error message: 0 is success, else the negative error number.
pub(crate) fn error_code(body: &[u8]) -> Option<i32> {
    u32_at(body, 0).map(u32::cast_signed)
}

/// Reads a link; `physical` and `driver` are left empty, since rtnetlink does not tell.
pub(crate) fn parse_link(body: &[u8]) -> Option<Link> {
    let flags = u32_at(body, 8)?;
    let mut link = Link {
        index: u32_at(body, 4)?,
        name: String::new(),
        hardware_address: Vec::new(),
        permanent_address: Vec::new(),
        hardware_type: u16_at(body, 2)?,
        up: flags & IFF_UP != 0,
        carrier: flags & IFF_LOWER_UP != 0,
        physical: false,
        driver: None,
        mtu: 0,
        parts: Parts::default(),
    };
    let mut made = None;
    for (kind, value) in attributes(body.get(LINK_BYTES..)?) {
        match kind {
            1 => link.hardware_address = value.to_vec(),
            3 => link.name = String::from_utf8_lossy(value.strip_suffix(b"\0").unwrap_or(value)).into_owned(),
            4 => link.mtu = u32_at(value, 0).unwrap_or_default(),
            54 => link.permanent_address = value.to_vec(),
            kind => link.parts.take(kind, value, &mut made),
        }
    }
    if let Some(ours) = &mut link.parts.ours {
        *ours = made;
    }
    (!link.name.is_empty()).then_some(link)
}

/// Reads an IPv4 address and the number of its link.
pub(crate) fn parse_address(body: &[u8]) -> Option<(u32, Cidr)> {
    let (family, prefix) = (*body.first()?, *body.get(1)?);
    let index = u32_at(body, 4)?;
    // The local address; on a point-to-point link attribute 1 is the peer's.
    let local = attributes(body.get(ADDRESS_BYTES..)?).find(|(kind, _)| *kind == 2)?;
    let octets: [u8; 4] = local.1.try_into().ok()?;
    let address = Cidr::new(Ipv4Addr::from(octets), prefix)?;
    (family == AF_INET).then_some((index, address))
}

/// Walks through attributes; stops at the first one that is cut off.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)?;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind & 0x3fff, value))
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_builds() {
        let address: Cidr = "10.0.2.15/24".parse().unwrap();
        let message = add_address(7, address).encode(3);
        let answers = split(&message);
        assert_eq!((answers.len(), answers[0].kind, answers[0].sequence), (1, kind::NEW_ADDRESS, 3));
        assert_eq!(parse_address(answers[0].body), Some((7, address)));
    }

    #[test]
    fn knows_its_own_routes_and_no_others() {
        let to = "10.1.0.0/16".parse().unwrap();
        let via = Some(Ipv4Addr::new(192, 168, 7, 1));
        let route = Route { index: 7, to, via, on_link: true, metric: 1031 };
        let message = add_route(&route).encode(3);
        let mut body = split(&message)[0].body.to_vec();
        assert_eq!(parse_route(&body), Some(route));
        for end in 0..body.len() {
            parse_route(&body[..end]);
        }
        body[5] = 3;
        assert_eq!(parse_route(&body), None, "made by another program");
    }

    #[test]
    fn broadcast_is_the_last_address() {
        assert_eq!(broadcast("10.0.2.15/24".parse().unwrap()), Ipv4Addr::new(10, 0, 2, 255));
        assert_eq!(broadcast("10.0.2.15/32".parse().unwrap()), Ipv4Addr::new(10, 0, 2, 15));
    }

    #[test]
    fn hostile_datagrams_end_the_walk() {
        let message = add_address(7, "10.0.0.1/8".parse().unwrap()).encode(1);
        for end in 0..message.len() {
            assert!(split(&message[..end]).is_empty(), "cut at {end}");
        }
        let mut short = message.clone();
        short[..4].copy_from_slice(&3u32.to_ne_bytes());
        assert!(split(&short).is_empty());
        for end in 0..48 {
            parse_link(&vec![0xff; end]);
            parse_address(&vec![1; end]);
        }
    }
}

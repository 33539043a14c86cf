//! DHCP packets: RFC 2131 section 2, options of RFC 2132, 3396, 3442.

use std::net::Ipv4Addr;
use std::time::Duration;

use config::Cidr;

/// Kinds of messages, option 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Ack = 5,
    Nak = 6,
}

const MAGIC: [u8; 4] = [99, 130, 83, 99];
const HEAD_BYTES: usize = 236;
/// Smallest packet that every relay passes on (RFC 1542, section 2.1).
const MIN_BYTES: usize = 300;
/// Smallest and largest packet size that is taken over: less breaks IPv4, more no link of ours can.
const MTU: std::ops::RangeInclusive<u16> = 576..=9216;
/// Longest name server, route and NTP lists that are taken over.
const MAX_LIST: usize = 16;

/// What the client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub kind: Kind,
    pub transaction: u32,
    pub hardware_address: [u8; 6],
    /// Seconds since the client began.
    pub elapsed_secs: u16,
    /// The address in use, when renewing.
    pub client_address: Ipv4Addr,
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// Option 12.
    pub hostname: String,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub kind: Kind,
    pub transaction: u32,
    pub hardware_address: [u8; 6],
    pub lease: Lease,
}

/// What a server lends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Our address with the prefix length of the network.
    pub address: Cidr,
    /// The server's address.
    pub server: Ipv4Addr,
    /// Routes, the default one among them; without a gateway, what lies on the link itself.
    pub routes: Vec<(Cidr, Option<Ipv4Addr>)>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// Domain for short names.
    pub domain: Option<String>,
    /// The name that the server knows us by, option 12.
    pub hostname: Option<String>,
    /// NTP servers.
    pub ntp: Vec<Ipv4Addr>,
    /// Largest packet on the link, option 26.
    pub mtu: Option<u16>,
    /// How long it lasts; `None` means forever.
    pub lifetime: Option<Duration>,
    /// When to renew, where the server says so.
    pub renew_after: Option<Duration>,
    /// When to ask any server, where the server says so.
    pub rebind_after: Option<Duration>,
}

/// Writes a request.
pub fn encode(query: &Query) -> Vec<u8> {
    let mut packet = vec![0; HEAD_BYTES];
    packet[0] = 1; // BOOTREQUEST
    packet[1] = 1; // Ethernet
    packet[2] = 6; // bytes of a hardware address
    packet[4..8].copy_from_slice(&query.transaction.to_be_bytes());
    packet[8..10].copy_from_slice(&query.elapsed_secs.to_be_bytes());
    // An interface without address hears only broadcasts; one that has its address hears all.
    if query.client_address.is_unspecified() {
        packet[10] = 0x80;
    }
    packet[12..16].copy_from_slice(&query.client_address.octets());
    packet[28..34].copy_from_slice(&query.hardware_address);
    packet.extend_from_slice(&MAGIC);
    let mut option = |code: u8, value: &[u8]| {
        packet.push(code);
        packet.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        packet.extend_from_slice(&value[..value.len().min(255)]);
    };
    option(53, &[query.kind as u8]);
    option(61, &[&[1], &query.hardware_address[..]].concat());
    option(57, &1500u16.to_be_bytes());
    option(55, &[1, 3, 6, 12, 15, 26, 42, 51, 54, 58, 59, 121]);
    if !query.hostname.is_empty() {
        option(12, query.hostname.as_bytes());
    }
    if let Some(address) = query.requested {
        option(50, &address.octets());
    }
    if let Some(server) = query.server {
        option(54, &server.octets());
    }
    packet.push(255);
    packet.resize(packet.len().max(MIN_BYTES), 0);
    packet
}

/// Reads an answer; `None` when it is none, or lacks what it must have.
pub fn parse(packet: &[u8]) -> Option<Reply> {
    let head = packet.get(..HEAD_BYTES)?;
    let is_reply = head[0] == 2 && head[1] == 1 && head[2] == 6;
    if !is_reply || packet.get(HEAD_BYTES..HEAD_BYTES + 4)? != MAGIC {
        return None;
    }
    let options = options(packet, head)?;
    let kind = match options.first(53)? {
        [2] => Kind::Offer,
        [5] => Kind::Ack,
        [6] => Kind::Nak,
        _ => return None,
    };
    Some(Reply {
        kind,
        transaction: u32::from_be_bytes(head[4..8].try_into().ok()?),
        hardware_address: head[28..34].try_into().ok()?,
        lease: lease(address_at(&head[16..20])?, kind, &options)?,
    })
}

/// Gathers what is lent.
fn lease(ours: Ipv4Addr, kind: Kind, options: &Options) -> Option<Lease> {
    let usable = !(ours.is_unspecified() || ours.is_broadcast() || ours.is_multicast() || ours.is_loopback());
    if kind != Kind::Nak && !usable {
        return None;
    }
    let prefix = match options.first(1).map(address_at) {
        Some(mask) => prefix_of(mask?)?,
        None => 24,
    };
    let seconds = |code| {
        let value: [u8; 4] = options.first(code)?.try_into().ok()?;
        Some(u32::from_be_bytes(value))
    };
    let after = |code| seconds(code).map(|s| Duration::from_secs(u64::from(s)));
    let name =
        |code| options.first(code).map(|d| String::from_utf8_lossy(d).trim_end_matches('\0').to_owned());
    let plain = |d: &String| {
        !d.is_empty() && d.len() <= 253 && d.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    Some(Lease {
        address: Cidr::new(ours, prefix)?,
        server: options.first(54).and_then(address_at)?,
        routes: routes(options),
        dns: addresses(options.first(6)),
        domain: name(15).filter(plain),
        hostname: name(12).filter(plain),
        ntp: addresses(options.first(42)),
        mtu: options
            .first(26)
            .and_then(|v| v.try_into().ok())
            .map(u16::from_be_bytes)
            .filter(|m| MTU.contains(m)),
        lifetime: seconds(51).filter(|s| *s != u32::MAX).map(|s| Duration::from_secs(u64::from(s))),
        renew_after: after(58),
        rebind_after: after(59),
    })
}

/// Routes: those of option 121 alone where it is there (RFC 3442), else the first router's default route.
fn routes(options: &Options) -> Vec<(Cidr, Option<Ipv4Addr>)> {
    if let Some(classless) = options.first(121) {
        return classless_routes(classless).unwrap_or_default();
    }
    let router = addresses(options.first(3)).into_iter().find(|a| !a.is_unspecified());
    router.map(|r| (Cidr::ANY, Some(r))).into_iter().collect()
}

/// Reads option 121: prefix length, as many octets as it needs, gateway.
fn classless_routes(mut bytes: &[u8]) -> Option<Vec<(Cidr, Option<Ipv4Addr>)>> {
    let mut routes = Vec::new();
    while let [prefix, rest @ ..] = bytes {
        let significant = usize::from(prefix.div_ceil(8));
        let (destination, rest) = rest.split_at_checked(significant)?;
        let (gateway, rest) = rest.split_at_checked(4)?;
        let mut octets = [0; 4];
        octets.get_mut(..significant)?.copy_from_slice(destination);
        let gateway = address_at(gateway).filter(|g| !g.is_unspecified());
        routes.push((Cidr::new(Ipv4Addr::from(octets), *prefix)?, gateway));
        bytes = rest;
    }
    routes.truncate(MAX_LIST);
    Some(routes)
}

/// Turns a netmask into a prefix length; its ones must be in one piece.
fn prefix_of(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let ones = bits.leading_ones();
    (bits.count_ones() == ones && ones > 0).then(|| u8::try_from(ones).ok()).flatten()
}

fn address_at(bytes: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

fn addresses(value: Option<&[u8]>) -> Vec<Ipv4Addr> {
    value.unwrap_or_default().chunks_exact(4).filter_map(address_at).take(MAX_LIST).collect()
}

/// Options in order; parts of a split one are joined (RFC 3396).
struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    fn first(&self, code: u8) -> Option<&[u8]> {
        self.0.iter().find(|(c, _)| *c == code).map(|(_, v)| v.as_slice())
    }

    /// Reads one field of options; `None` when one is cut off.
    fn read(&mut self, mut bytes: &[u8]) -> Option<()> {
        loop {
            match bytes {
                [] | [255, ..] => return Some(()),
                [0, rest @ ..] => bytes = rest,
                [code, length, rest @ ..] => {
                    let (value, rest) = rest.split_at_checked(usize::from(*length))?;
                    match self.0.iter_mut().find(|(c, _)| c == code) {
                        Some((_, joined)) => joined.extend_from_slice(value),
                        None => self.0.push((*code, value.to_vec())),
                    }
                    bytes = rest;
                }
                [_] => return None,
            }
        }
    }
}

/// Reads all options, those in the fields `file` and `sname` too where option 52 says so.
fn options(packet: &[u8], head: &[u8]) -> Option<Options> {
    let mut options = Options(Vec::new());
    options.read(packet.get(HEAD_BYTES + 4..)?)?;
    let overload = options.first(52).and_then(|v| v.first().copied()).unwrap_or(0);
    if overload & 1 != 0 {
        options.read(&head[108..236])?;
    }
    if overload & 2 != 0 {
        options.read(&head[44..108])?;
    }
    Some(options)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Builds an answer as a server would.
    pub(crate) fn reply_bytes(transaction: u32, options: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; HEAD_BYTES];
        packet[..3].copy_from_slice(&[2, 1, 6]);
        packet[4..8].copy_from_slice(&transaction.to_be_bytes());
        packet[16..20].copy_from_slice(&[10, 0, 2, 15]);
        packet[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        packet.extend_from_slice(&MAGIC);
        packet.extend_from_slice(options);
        packet.push(255);
        packet
    }

    const OFFER: [u8; 43] = [
        53, 1, 2, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 4, 10, 0, 2, 3, 51, 4, 0, 1, 81, 128, 54, 4,
        10, 0, 2, 2, 15, 4, b'l', b'a', b'n', 0, 12, 2, b'n', b'7',
    ];

    #[test]
    fn reads_an_offer() {
        let reply = parse(&reply_bytes(7, &OFFER)).unwrap();
        assert_eq!((reply.kind, reply.transaction), (Kind::Offer, 7));
        assert_eq!(reply.lease.address.to_string(), "10.0.2.15/24");
        assert_eq!(reply.lease.routes, [(Cidr::ANY, Some(Ipv4Addr::new(10, 0, 2, 2)))]);
        assert_eq!(reply.lease.dns, [Ipv4Addr::new(10, 0, 2, 3)]);
        assert_eq!(reply.lease.domain.as_deref(), Some("lan"));
        assert_eq!(reply.lease.hostname.as_deref(), Some("n7"));
        assert_eq!(reply.lease.lifetime, Some(Duration::from_secs(86400)));
    }

    #[test]
    fn classless_routes_replace_the_router() {
        let mut options = OFFER.to_vec();
        options.extend_from_slice(&[121, 14, 0, 10, 0, 2, 9, 24, 192, 168, 7, 10, 0, 2, 8, 0]);
        options[OFFER.len() + 1] = 13;
        options.pop();
        let routes = parse(&reply_bytes(7, &options)).unwrap().lease.routes;
        let expected = [
            (Cidr::ANY, Some(Ipv4Addr::new(10, 0, 2, 9))),
            ("192.168.7.0/24".parse().unwrap(), Some(Ipv4Addr::new(10, 0, 2, 8))),
        ];
        assert_eq!(routes, expected);
    }

    #[test]
    fn joins_split_options_and_reads_overloaded_fields() {
        let mut packet = reply_bytes(7, &[53, 1, 2, 54, 4, 1, 1, 1, 1, 6, 2, 9, 9, 6, 2, 9, 9, 52, 1, 1]);
        packet[108..115].copy_from_slice(&[15, 3, b'f', b'o', b'o', 255, 0]);
        let lease = parse(&packet).unwrap().lease;
        assert_eq!(lease.dns, [Ipv4Addr::new(9, 9, 9, 9)]);
        assert_eq!(lease.domain.as_deref(), Some("foo"));
        // The parts need not be neighbours.
        let apart = [53, 1, 2, 54, 4, 1, 1, 1, 1, 6, 2, 9, 9, 51, 4, 0, 0, 1, 0, 6, 2, 9, 9];
        let lease = parse(&reply_bytes(7, &apart)).unwrap().lease;
        assert_eq!(lease.dns, [Ipv4Addr::new(9, 9, 9, 9)]);
        assert_eq!(lease.lifetime, Some(Duration::from_secs(256)));
    }

    #[test]
    fn hostile_answers_are_refused_or_harmless() {
        let whole = reply_bytes(7, &OFFER);
        for end in 0..whole.len() - 1 {
            parse(&whole[..end]);
        }
        for (at, value) in
            [(0, 1), (1, 2), (2, 16), (HEAD_BYTES, 0), (16, 0), (16, 255), (16, 224), (16, 127)]
        {
            let mut changed = whole.clone();
            changed[at..(at + 1)].fill(value);
            if at == 16 {
                changed[16..20].fill(value);
            }
            assert_eq!(parse(&changed), None, "byte {at} = {value}");
        }
        let mask_with_hole = [53, 1, 2, 54, 4, 1, 1, 1, 1, 1, 4, 255, 0, 255, 0];
        assert_eq!(parse(&reply_bytes(7, &mask_with_hole)), None);
        let cut_off = [53, 1, 2, 54, 4, 1, 1, 1, 1, 6, 200, 9, 9];
        assert_eq!(parse(&reply_bytes(7, &cut_off)), None);
        let injected = [53, 1, 2, 54, 4, 1, 1, 1, 1, 15, 5, b'a', b'\n', b'b', b' ', b'c'];
        assert_eq!(parse(&reply_bytes(7, &injected)).unwrap().lease.domain, None);
        let odd = [53, 1, 2, 54, 4, 1, 1, 1, 1, 15, 1, 0xe9, 51, 4, 0, 0, 1, 0];
        let lease = parse(&reply_bytes(7, &odd)).unwrap().lease;
        assert_eq!((lease.domain, lease.lifetime), (None, Some(Duration::from_secs(256))));
    }

    #[test]
    fn takes_a_packet_size_that_a_link_can_have() {
        let cases: [(&[u8], Option<u16>); 5] = [
            (&[26, 2, 0x05, 0x78], Some(1400)),
            (&[26, 2, 0x00, 0x44], None),
            (&[26, 2, 0xff, 0xff], None),
            (&[26, 1, 200], None),
            (&[], None),
        ];
        for (option, expected) in cases {
            let options = [&[53, 1, 5, 54, 4, 1, 1, 1, 1], option].concat();
            assert_eq!(parse(&reply_bytes(7, &options)).unwrap().lease.mtu, expected, "{option:?}");
        }
    }

    #[test]
    fn queries_carry_what_servers_need() {
        let query = Query {
            kind: Kind::Request,
            transaction: 9,
            hardware_address: [2, 0, 0, 0, 0, 1],
            elapsed_secs: 3,
            client_address: Ipv4Addr::UNSPECIFIED,
            requested: Some(Ipv4Addr::new(10, 0, 2, 15)),
            server: Some(Ipv4Addr::new(10, 0, 2, 2)),
            hostname: "node1".into(),
        };
        let packet = encode(&query);
        assert!(packet.len() >= MIN_BYTES);
        assert_eq!(packet[10], 0x80);
        let has = |part: &[u8]| packet.windows(part.len()).any(|w| w == part);
        assert!(has(&[53, 1, 3]) && has(&[50, 4, 10, 0, 2, 15]) && has(&[54, 4, 10, 0, 2, 2]));
        assert!(has(b"\x0c\x05node1"));
    }
}

//! Addresses for a segment that has no DHCP server. Pure.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::packet::{Asked, Kind, Options, code};

/// How long an address is lent, in seconds: a machine that stays renews it.
const LEASE_SECS: u32 = 3600;
/// Most addresses that are lent.
pub(crate) const MAX_ADDRESSES: u32 = 4096;

/// An address that is lent, and the options that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lent {
    pub address: Ipv4Addr,
    pub options: Options,
}

/// The addresses, each lent to the first who asks, for as long as the server runs.
#[derive(Debug)]
pub(crate) struct Lender {
    range: RangeInclusive<u32>,
    netmask: Ipv4Addr,
    lent: HashMap<[u8; 6], u32>,
}

impl Lender {
    /// A lender of the addresses of a range.
    pub(crate) fn new(range: &RangeInclusive<Ipv4Addr>, netmask: Ipv4Addr) -> Lender {
        let range = u32::from(*range.start())..=u32::from(*range.end());
        Lender { range, netmask, lent: HashMap::new() }
    }

    /// Returns an address for the client; `None` if all are lent, or it asks another server.
    pub(crate) fn lend(&mut self, asked: &Asked, server: Ipv4Addr) -> Option<Lent> {
        let elsewhere = asked.address(code::SERVER).is_some_and(|chosen| chosen != server);
        if elsewhere {
            return None;
        }
        let address = self.address(asked.mac(), server)?;
        let wanted = asked.address(code::REQUESTED_ADDRESS).or(Some(asked.client_address()));
        let wanted = wanted.filter(|a| asked.kind == Kind::Request && !a.is_unspecified());
        if wanted.is_some_and(|wanted| wanted != address) {
            return None;
        }
        let options = vec![
            (code::SUBNET_MASK, self.netmask.octets().to_vec()),
            (code::LEASE_SECS, LEASE_SECS.to_be_bytes().to_vec()),
        ];
        Some(Lent { address, options })
    }

    /// Returns the address of a client, which is lent to it if it has none.
    fn address(&mut self, mac: [u8; 6], server: Ipv4Addr) -> Option<Ipv4Addr> {
        if let Some(address) = self.lent.get(&mac) {
            return Some(Ipv4Addr::from(*address));
        }
        let taken: std::collections::HashSet<u32> = self.lent.values().copied().collect();
        let free = self.range.clone().find(|a| !taken.contains(a) && *a != u32::from(server))?;
        self.lent.insert(mac, free);
        Some(Ipv4Addr::from(free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::testing::message;

    fn asked(kind: u8, last: u8, options: &[(u8, &[u8])]) -> Asked {
        let mut packet = message(kind, options);
        packet[33] = last;
        Asked::parse(&packet).unwrap()
    }

    #[test]
    fn each_machine_gets_one_address_and_keeps_it() {
        let [server, first, last] = [1, 2, 3].map(|n| Ipv4Addr::new(10, 0, 0, n));
        let mut lender = Lender::new(&(server..=last), Ipv4Addr::new(255, 255, 255, 0));
        let mut lend = |asked: &Asked| lender.lend(asked, server).map(|lent| lent.address);
        assert_eq!(lend(&asked(1, 1, &[])), Some(first));
        assert_eq!(lend(&asked(1, 2, &[])), Some(last), "the server's own is not lent");
        assert_eq!(lend(&asked(3, 1, &[(code::REQUESTED_ADDRESS, &first.octets())])), Some(first));
        assert_eq!(lend(&asked(3, 1, &[(code::REQUESTED_ADDRESS, &last.octets())])), None);
        assert_eq!(lend(&asked(1, 3, &[])), None, "all are lent");
        assert_eq!(lend(&asked(3, 1, &[(code::SERVER, &[10, 0, 0, 9])])), None, "another server's client");
    }
}

//! Who is connected, and who goes when there is no room. No sockets, no clock.
//!
//! Everybody who connects is let in, and somebody else goes if there is no room: of those who have not shown a
//! certificate, the one who came first from the address that has the most of them. So connections that merely stand,
//! from one address or from many, keep nobody out: an operator is always among the last to have come, and needs a
//! fraction of a second. Those with a certificate have places of their own.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Connections without a certificate at the same time, and of these from one address.
const MAX_STRANGERS: usize = 128;
const MAX_STRANGERS_OF_ONE: usize = 32;
/// Connections with a certificate at the same time.
const MAX_KNOWN: usize = 128;
/// After this time in milliseconds an answer that a client does not take can be cut. The node begins every answer
/// within 30 s.
const SLOW_MS: u64 = 60_000;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not shown a certificate.
    Stranger,
    /// It has one, and no request.
    Idle,
    /// Its request is being answered.
    Busy,
    /// It gets an answer that ends when it leaves.
    Following,
}

/// All connections, by number. Dropping `H` ends one.
#[derive(Debug)]
pub(super) struct Guests<H> {
    all: BTreeMap<u64, Guest<H>>,
    next: u64,
}

#[derive(Debug)]
struct Guest<H> {
    source: IpAddr,
    stage: Stage,
    since_ms: u64,
    _handle: H,
}

impl<H> Guests<H> {
    /// Nobody is there.
    pub(super) const fn new() -> Guests<H> {
        Guests { all: BTreeMap::new(), next: 0 }
    }

    /// Lets a connection from `address` in; another one may have to go.
    pub(super) fn enter(&mut self, address: IpAddr, handle: H, now_ms: u64) -> u64 {
        let source = source(address);
        if self.strangers_of(source).count() >= MAX_STRANGERS_OF_ONE {
            self.remove_first_stranger(source);
        } else if self.all.values().filter(|g| g.stage == Stage::Stranger).count() >= MAX_STRANGERS {
            self.remove_stranger();
        }
        self.next += 1;
        let guest = Guest { source, stage: Stage::Stranger, since_ms: now_ms, _handle: handle };
        self.all.insert(self.next, guest);
        self.next
    }

    /// Notes that a connection has shown a certificate; false if all places are in use. An idle one makes room, or one
    /// that does not take its answer.
    pub(super) fn know(&mut self, id: u64, now_ms: u64) -> bool {
        let known = self.all.values().filter(|g| g.stage != Stage::Stranger).count();
        if known >= MAX_KNOWN && !self.remove_known(now_ms) {
            return false;
        }
        self.set(id, Stage::Idle, now_ms);
        true
    }

    /// Notes what a connection does now.
    pub(super) fn set(&mut self, id: u64, stage: Stage, now_ms: u64) {
        if let Some(guest) = self.all.get_mut(&id) {
            (guest.stage, guest.since_ms) = (stage, now_ms);
        }
    }

    /// Ends a connection, or forgets one that has ended.
    pub(super) fn remove(&mut self, id: u64) {
        self.all.remove(&id);
    }

    /// Ends a connection of a stranger: the first of the address that has the most.
    pub(super) fn remove_stranger(&mut self) {
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for guest in self.all.values().filter(|g| g.stage == Stage::Stranger) {
            *counts.entry(guest.source).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or(0);
        // Of several addresses with as many, the one whose first connection is the oldest.
        let first = self.all.iter().find(|(_, g)| {
            g.stage == Stage::Stranger && counts.get(&g.source).is_some_and(|count| *count == most)
        });
        if let Some(id) = first.map(|(id, _)| *id) {
            self.all.remove(&id);
        }
    }

    /// Ends the connection with a certificate that needs its place least; false if all are in use.
    fn remove_known(&mut self, now_ms: u64) -> bool {
        let idlest = |stage: Stage, since: u64| {
            let fits = self.all.iter().filter(move |(_, g)| g.stage == stage && g.since_ms <= since);
            fits.min_by_key(|(_, g)| g.since_ms).map(|(id, _)| *id)
        };
        let slow = || idlest(Stage::Busy, now_ms.checked_sub(SLOW_MS)?);
        let Some(id) = idlest(Stage::Idle, now_ms).or_else(slow) else { return false };
        self.all.remove(&id);
        true
    }

    fn strangers_of(&self, source: IpAddr) -> impl Iterator<Item = u64> {
        let all = self.all.iter().filter(move |(_, g)| g.stage == Stage::Stranger && g.source == source);
        all.map(|(id, _)| *id)
    }

    fn remove_first_stranger(&mut self, source: IpAddr) {
        let first = self.strangers_of(source).next();
        if let Some(id) = first {
            self.all.remove(&id);
        }
    }
}

/// Returns what counts as one address: of IPv6 the network of 64 bits, which one machine has whole.
pub(super) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(n: usize) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + u32::try_from(n).unwrap()).into()
    }

    fn enter(guests: &mut Guests<()>, n: usize) {
        guests.enter(address(n), (), 0);
    }

    fn strangers(guests: &Guests<()>) -> usize {
        guests.all.values().filter(|g| g.stage == Stage::Stranger).count()
    }

    #[test]
    fn one_address_has_few_places_and_the_last_to_come_stay() {
        let mut guests = Guests::new();
        let first = guests.enter(address(1), (), 0);
        let last = (0..400).map(|_| guests.enter(address(1), (), 0)).last().unwrap();
        assert_eq!(strangers(&guests), MAX_STRANGERS_OF_ONE);
        assert!(guests.all.contains_key(&last) && !guests.all.contains_key(&first));
    }

    #[test]
    fn many_who_come_from_few_addresses_keep_no_other_out() {
        let mut guests = Guests::new();
        (0..400).for_each(|n| enter(&mut guests, n % 5));
        let operator = guests.enter(address(99), (), 0);
        (0..400).for_each(|n| enter(&mut guests, n % 5));
        assert!(strangers(&guests) <= MAX_STRANGERS);
        assert!(guests.know(operator, 0), "its address has the fewest: others went");
        assert!(guests.all.contains_key(&operator));
    }

    #[test]
    fn where_every_address_has_one_the_last_to_come_stay() {
        let mut guests = Guests::new();
        (0..400).for_each(|n| enter(&mut guests, n));
        let operator = guests.enter(address(1000), (), 0);
        (400..400 + MAX_STRANGERS - 1).for_each(|n| enter(&mut guests, n));
        assert!(guests.all.contains_key(&operator));
        assert_eq!(strangers(&guests), MAX_STRANGERS);
    }

    #[test]
    fn idle_operators_make_room_and_busy_ones_do_not() {
        let mut guests = Guests::new();
        let mut enter = |now| {
            let id = guests.enter(address(1), (), now);
            (id, guests.know(id, now))
        };
        let all: Vec<u64> = (0..MAX_KNOWN as u64).map(|n| enter(n).0).collect();
        assert!(enter(500).1, "the one that is idle longest goes");
        for (id, guest) in &mut guests.all {
            guest.stage = if id % 2 == 0 { Stage::Busy } else { Stage::Following };
        }
        assert!(!guests.all.contains_key(&all[0]));
        let late = guests.enter(address(1), (), 600);
        assert!(!guests.know(late, 600), "nobody is idle, and nobody slow");
        assert!(guests.know(late, 600 + SLOW_MS), "an answer that nobody takes is cut");
    }

    #[test]
    fn a_network_of_version_6_is_one_address() {
        let parse = |text: &str| source(text.parse().unwrap());
        assert_eq!(parse("2001:db8:1:2:3::1"), parse("2001:db8:1:2:ffff::9"));
        assert_ne!(parse("2001:db8:1:2::1"), parse("2001:db8:1:3::1"));
        assert_eq!(parse("::ffff:10.0.0.1"), parse("10.0.0.1"));
        assert_ne!(parse("::ffff:10.0.0.1"), parse("::ffff:10.0.0.2"));
    }
}

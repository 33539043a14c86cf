//! The life of a lease, as a state machine: (state, event, time) → actions. RFC 2131, section 4.4.
//!
//! No socket, no clock: times are durations since the client began.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::packet::{Kind, Lease, Query, Reply};

/// First pause before a question is asked again; a link that has just been switched on may swallow
/// the first one. Off-spec: section 4.1 suggests four seconds, which is a third of our boot.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// Longest pause while there is no lease.
const MAX_RETRY: Duration = Duration::from_secs(32);
/// Shortest pause between two tries to renew.
const MIN_RENEW_RETRY: Duration = Duration::from_secs(60);
/// Requests for an offered address before starting over.
const MAX_REQUESTS: u32 = 5;
/// How often a lease is confirmed after its link came back.
const CONFIRMATIONS: u8 = 5;
/// Shortest lifetime taken seriously: a server that lends for less would keep us busy.
const MIN_LIFETIME: Duration = Duration::from_secs(60);

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// [`Machine::deadline`] has passed.
    Timeout,
    /// A server answered.
    Reply(Reply),
    /// The link has a carrier again: it may be another network.
    Carrier,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send to all.
    Broadcast(Query),
    /// Send to one server.
    Unicast(Ipv4Addr, Query),
    /// Use this from now on, instead of what was used before.
    Use(Lease),
    /// Stop using it.
    Drop,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Identity {
    pub hardware_address: [u8; 6],
    pub hostname: String,
}

#[derive(Clone, Debug)]
enum State {
    Selecting,
    Requesting {
        offer: Lease,
        sent: u32,
    },
    /// `since` is when the acknowledged request was sent first; `confirm`, how often any server is still to be asked
    /// whether the lease holds.
    Bound {
        lease: Lease,
        since: Duration,
        confirm: u8,
    },
}

/// A client on one link.
#[derive(Debug)]
pub struct Machine {
    identity: Identity,
    state: State,
    transaction: u32,
    /// When the exchange under way began.
    began: Duration,
    retry: Duration,
    deadline: Duration,
}

impl Machine {
    /// Begins at time `now`; the first event is [`Event::Timeout`]. `transaction` should be random.
    pub fn new(identity: Identity, transaction: u32, now: Duration) -> Machine {
        Machine {
            identity,
            state: State::Selecting,
            transaction,
            began: now,
            retry: FIRST_RETRY,
            deadline: now,
        }
    }

    /// When [`Event::Timeout`] is due.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Takes an event and says what to do.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Action> {
        match event {
            Event::Timeout => self.on_timeout(now),
            Event::Reply(reply) => self.on_reply(reply, now),
            Event::Carrier => self.on_carrier(now),
        }
    }

    /// Asks at once: for an address, or whether the one in use is right here. It stays in use until a server says no or
    /// the lease ends: most links that come back lead where they led before.
    fn on_carrier(&mut self, now: Duration) -> Vec<Action> {
        self.retry = FIRST_RETRY;
        self.deadline = now;
        if let State::Bound { confirm, .. } = &mut self.state {
            *confirm = CONFIRMATIONS;
            self.next_exchange(now);
        }
        Vec::new()
    }

    fn on_timeout(&mut self, now: Duration) -> Vec<Action> {
        match self.state.clone() {
            State::Selecting => {
                self.back_off(now);
                vec![Action::Broadcast(self.query(Kind::Discover, now))]
            }
            State::Requesting { sent, .. } if sent >= MAX_REQUESTS => self.restart(now),
            State::Requesting { offer, sent } => {
                self.state = State::Requesting { offer: offer.clone(), sent: sent + 1 };
                self.back_off(now);
                vec![Action::Broadcast(self.request(&offer, now))]
            }
            State::Bound { lease, since, confirm } => self.on_bound_timeout(&lease, (since, confirm), now),
        }
    }

    /// Renews, asks everyone, or gives up, by the lease's age.
    fn on_bound_timeout(
        &mut self,
        lease: &Lease,
        (since, confirm): (Duration, u8),
        now: Duration,
    ) -> Vec<Action> {
        let times = Times::of(lease);
        let age = now.saturating_sub(since);
        if times.as_ref().is_some_and(|t| age >= t.end) {
            let mut actions = vec![Action::Drop];
            actions.extend(self.restart(now));
            return actions;
        }
        let mut query = self.query(Kind::Request, now);
        query.client_address = lease.address.address();
        if confirm > 0 {
            self.state = State::Bound { lease: lease.clone(), since, confirm: confirm - 1 };
            self.back_off(now);
            self.deadline = self.deadline.min(times.map_or(Duration::MAX, |t| since + t.end));
            return vec![Action::Broadcast(query)];
        }
        let Some(times) = times else {
            self.deadline = Duration::MAX;
            return Vec::new();
        };
        if age < times.renew {
            self.deadline = since + times.renew;
            return Vec::new();
        }
        // Section 4.4.5: again after half of what is left until the next step, at least a minute.
        let (next, action) = match age >= times.rebind {
            true => (times.end, Action::Broadcast(query)),
            false => (times.rebind, Action::Unicast(lease.server, query)),
        };
        let pause = ((next - age) / 2).max(MIN_RENEW_RETRY);
        self.deadline = since + (age + pause).min(next);
        vec![action]
    }

    fn on_reply(&mut self, reply: Reply, now: Duration) -> Vec<Action> {
        if reply.transaction != self.transaction || reply.hardware_address != self.identity.hardware_address {
            return Vec::new();
        }
        match (self.state.clone(), reply.kind) {
            (State::Selecting, Kind::Offer) => {
                self.retry = FIRST_RETRY;
                self.back_off(now);
                let query = self.request(&reply.lease, now);
                self.state = State::Requesting { offer: reply.lease, sent: 1 };
                vec![Action::Broadcast(query)]
            }
            (State::Requesting { offer, .. }, Kind::Ack) if reply.lease.server == offer.server => {
                self.bind(reply.lease, now)
            }
            (State::Requesting { offer, .. }, Kind::Nak) if reply.lease.server == offer.server => {
                self.restart(now)
            }
            (State::Bound { .. }, Kind::Ack) => self.bind(reply.lease, now),
            (State::Bound { .. }, Kind::Nak) => {
                let mut actions = vec![Action::Drop];
                actions.extend(self.restart(now));
                actions
            }
            _ => Vec::new(),
        }
    }

    /// Takes a lease into use.
    fn bind(&mut self, lease: Lease, now: Duration) -> Vec<Action> {
        self.deadline = Times::of(&lease).map_or(Duration::MAX, |t| now + t.renew);
        self.state = State::Bound { lease: lease.clone(), since: now, confirm: 0 };
        self.next_exchange(now);
        vec![Action::Use(lease)]
    }

    /// Starts over, after a pause.
    fn restart(&mut self, now: Duration) -> Vec<Action> {
        self.state = State::Selecting;
        self.next_exchange(now);
        self.retry = FIRST_RETRY;
        self.back_off(now);
        Vec::new()
    }

    /// Late answers of the exchange before must not be taken for those of the next.
    fn next_exchange(&mut self, now: Duration) {
        self.transaction = self.transaction.wrapping_add(1);
        self.began = now;
    }

    fn back_off(&mut self, now: Duration) {
        self.deadline = now + self.retry;
        self.retry = (self.retry * 2).min(MAX_RETRY);
    }

    fn query(&self, kind: Kind, now: Duration) -> Query {
        Query {
            kind,
            transaction: self.transaction,
            hardware_address: self.identity.hardware_address,
            elapsed_secs: u16::try_from(now.saturating_sub(self.began).as_secs()).unwrap_or(u16::MAX),
            client_address: Ipv4Addr::UNSPECIFIED,
            requested: None,
            server: None,
            hostname: self.identity.hostname.clone(),
        }
    }

    fn request(&self, offer: &Lease, now: Duration) -> Query {
        let mut query = self.query(Kind::Request, now);
        query.requested = Some(offer.address.address());
        query.server = Some(offer.server);
        query
    }
}

/// When a lease is renewed, rebound and over, since it began.
struct Times {
    renew: Duration,
    rebind: Duration,
    end: Duration,
}

impl Times {
    /// Section 4.4.5: half and seven eighths, unless the server says otherwise and makes sense.
    fn of(lease: &Lease) -> Option<Times> {
        let end = lease.lifetime?.max(MIN_LIFETIME);
        let rebind = lease.rebind_after.filter(|t| *t < end).unwrap_or(end * 7 / 8);
        let renew = lease.renew_after.filter(|t| *t < rebind).unwrap_or((end / 2).min(rebind));
        Some(Times { renew, rebind, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn machine() -> Machine {
        Machine::new(Identity { hardware_address: MAC, hostname: "n".into() }, 100, at(0))
    }

    fn reply(machine: &Machine, kind: Kind) -> Event {
        let lease = Lease {
            address: "10.0.2.15/24".parse().unwrap(),
            server: Ipv4Addr::new(10, 0, 2, 2),
            routes: Vec::new(),
            dns: Vec::new(),
            domain: None,
            hostname: None,
            ntp: Vec::new(),
            mtu: None,
            lifetime: Some(at(3600)),
            renew_after: None,
            rebind_after: None,
        };
        Event::Reply(Reply { kind, transaction: machine.transaction, hardware_address: MAC, lease })
    }

    /// Brings a machine to a lease of an hour at time 0.
    fn bound() -> Machine {
        let mut m = machine();
        m.handle(Event::Timeout, at(0));
        let offer = reply(&m, Kind::Offer);
        m.handle(offer, at(0));
        let ack = reply(&m, Kind::Ack);
        assert!(matches!(m.handle(ack, at(0))[..], [Action::Use(_)]));
        m
    }

    fn sent(actions: &[Action]) -> (bool, Kind) {
        match actions {
            [Action::Broadcast(q)] => (true, q.kind),
            [Action::Unicast(_, q)] => (false, q.kind),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn discovers_ever_less_often() {
        let mut m = machine();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let now = m.deadline();
            assert_eq!(sent(&m.handle(Event::Timeout, now)), (true, Kind::Discover));
            pauses.push(m.deadline() - now);
        }
        assert_eq!((pauses[0], pauses[1], pauses[9]), (FIRST_RETRY, FIRST_RETRY * 2, MAX_RETRY));
    }

    #[test]
    fn takes_the_offer_and_uses_the_lease() {
        assert_eq!(bound().deadline(), at(1800));
    }

    #[test]
    fn ignores_answers_to_others() {
        let mut m = machine();
        m.handle(Event::Timeout, at(0));
        let Event::Reply(mut other) = reply(&m, Kind::Offer) else { unreachable!() };
        other.transaction += 1;
        assert_eq!(m.handle(Event::Reply(other.clone()), at(0)), []);
        other.transaction -= 1;
        other.hardware_address[5] = 9;
        assert_eq!(m.handle(Event::Reply(other), at(0)), []);
        let ack_without_request = reply(&m, Kind::Ack);
        assert_eq!(m.handle(ack_without_request, at(0)), []);
    }

    #[test]
    fn renews_then_rebinds_then_gives_up() {
        let mut m = bound();
        assert_eq!(sent(&m.handle(Event::Timeout, at(1800))), (false, Kind::Request));
        assert_eq!(m.deadline(), at(1800 + 675));
        assert_eq!(sent(&m.handle(Event::Timeout, at(3150))), (true, Kind::Request));
        assert_eq!(m.handle(Event::Timeout, at(3600)), [Action::Drop]);
        let now = m.deadline();
        assert_eq!(sent(&m.handle(Event::Timeout, now)), (true, Kind::Discover));
    }

    #[test]
    fn renewal_starts_a_new_term() {
        let mut m = bound();
        m.handle(Event::Timeout, at(1800));
        let ack = reply(&m, Kind::Ack);
        assert!(matches!(m.handle(ack, at(1801))[..], [Action::Use(_)]));
        assert_eq!(m.deadline(), at(1801 + 1800));
    }

    #[test]
    fn refusal_while_bound_drops_the_address() {
        let mut m = bound();
        m.handle(Event::Timeout, at(1800));
        let nak = reply(&m, Kind::Nak);
        assert_eq!(m.handle(nak, at(1800)), [Action::Drop]);
    }

    #[test]
    fn a_carrier_that_comes_has_the_lease_confirmed() {
        let mut m = bound();
        assert_eq!(m.handle(Event::Carrier, at(100)), []);
        for _ in 0..CONFIRMATIONS {
            let now = m.deadline();
            assert!(now < at(110), "{now:?}");
            assert_eq!(sent(&m.handle(Event::Timeout, now)), (true, Kind::Request));
        }
        // Nobody answers: the lease holds, and is renewed when it is time.
        let now = m.deadline();
        assert_eq!(m.handle(Event::Timeout, now), []);
        assert_eq!(m.deadline(), at(1800));
        assert_eq!(sent(&m.handle(Event::Timeout, at(1800))), (false, Kind::Request));

        m.handle(Event::Carrier, at(1801));
        let now = m.deadline();
        m.handle(Event::Timeout, now);
        let ack = reply(&m, Kind::Ack);
        assert!(matches!(m.handle(ack, at(1802))[..], [Action::Use(_)]));
        assert_eq!(m.deadline(), at(1802 + 1800));

        m.handle(Event::Carrier, at(2000));
        let nak = reply(&m, Kind::Nak);
        assert_eq!(m.handle(nak, at(2000)), [Action::Drop]);
    }

    #[test]
    fn a_lease_that_ends_while_it_is_confirmed_ends() {
        let mut m = bound();
        m.handle(Event::Carrier, at(3599));
        let mut actions = Vec::new();
        while actions != [Action::Drop] {
            let now = m.deadline();
            assert!(now <= at(3600));
            actions = m.handle(Event::Timeout, now);
        }
    }

    #[test]
    fn a_carrier_that_comes_ends_a_long_pause() {
        let mut m = machine();
        for _ in 0..10 {
            let now = m.deadline();
            m.handle(Event::Timeout, now);
        }
        let now = m.deadline() - at(20);
        m.handle(Event::Carrier, now);
        assert_eq!(m.deadline(), now);
        assert_eq!(sent(&m.handle(Event::Timeout, now)), (true, Kind::Discover));
        assert_eq!(m.deadline(), now + FIRST_RETRY);
    }

    #[test]
    fn starts_over_when_the_offer_is_not_confirmed() {
        let mut m = machine();
        m.handle(Event::Timeout, at(0));
        let offer = reply(&m, Kind::Offer);
        m.handle(offer, at(0));
        for _ in 1..MAX_REQUESTS {
            let now = m.deadline();
            assert_eq!(sent(&m.handle(Event::Timeout, now)), (true, Kind::Request));
        }
        let now = m.deadline();
        assert_eq!(m.handle(Event::Timeout, now), []);
        let now = m.deadline();
        assert_eq!(sent(&m.handle(Event::Timeout, now)), (true, Kind::Discover));
    }

    #[test]
    fn odd_times_from_the_server_are_put_right() {
        let mut m = machine();
        m.handle(Event::Timeout, at(0));
        let offer = reply(&m, Kind::Offer);
        m.handle(offer, at(0));
        let Event::Reply(mut ack) = reply(&m, Kind::Ack) else { unreachable!() };
        ack.lease.lifetime = Some(at(1));
        ack.lease.renew_after = Some(at(900));
        m.handle(Event::Reply(ack), at(0));
        assert_eq!(m.deadline(), at(30));
    }
}

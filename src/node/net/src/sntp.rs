//! Queries time servers: SNTP, RFC 4330 (RFC 5905 for NTP version 4).
//!
//! One packet to each, checked as section 5 of RFC 4330 requires. What the answers are worth is decided elsewhere
//! ([`crate::time`]).

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::clock;
use crate::error::{During, NetError};

const PORT: u16 = 123;
const PACKET_BYTES: usize = 48;
/// Longest wait for the answer of one server.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for a round: names are looked up first, which the system bounds later than this.
const ROUND: Duration = Duration::from_secs(6);
/// Addresses of one name that are asked: a pool has hundreds.
const MAX_ADDRESSES: usize = 4;
/// Servers asked in a round.
const MAX_SERVERS: usize = 8;
/// Seconds from 1900 to 1970.
const EPOCH_OFFSET_SECS: u64 = 2_208_988_800;
/// Largest root delay or dispersion that is believed, in seconds.
const MAX_ROOT_SECS: u64 = 16;
/// Stacks of the threads that ask: looking a name up takes most of it.
const STACK_BYTES: usize = 256 << 10;

/// A time as a server gave it.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Time since 1970 when it came.
    time: Duration,
    /// When it came.
    at: Instant,
}

impl Answer {
    /// Returns the time since 1970 as of now.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.time + self.at.elapsed()
    }
}

/// What one server answered.
#[derive(Debug)]
pub struct Report {
    /// The server: its address, or the name that could not be looked up.
    pub server: String,
    /// Its answer.
    pub answer: Result<Answer, NetError>,
}

/// Asks all `servers`, names or addresses, at the same time; of a name up to four addresses, and eight in all.
/// Returns within seconds: servers that have not answered by then are reported as silent.
#[must_use]
pub fn ask_all(servers: &[String]) -> Vec<Report> {
    let found = at_once(servers.to_vec(), resolve);
    let (mut addresses, mut reports) = (Vec::new(), Vec::new());
    for (name, found) in servers.iter().zip(found) {
        match found.unwrap_or_else(|| Err(silent(name))) {
            Ok(found) => addresses.extend(found),
            Err(e) => reports.push(Report { server: name.clone(), answer: Err(e) }),
        }
    }
    reports.extend(ask_each(&addresses));
    reports
}

/// Asks servers by their addresses at the same time, eight at most; an address that is repeated is asked once.
#[must_use]
pub fn ask_each(servers: &[SocketAddr]) -> Vec<Report> {
    let mut distinct: Vec<SocketAddr> = Vec::new();
    servers.iter().for_each(|s| {
        if !distinct.contains(s) {
            distinct.push(*s)
        }
    });
    distinct.truncate(MAX_SERVERS);
    let answers = at_once(distinct.clone(), |address| ask(*address));
    let report = |(address, answer): (SocketAddr, Option<Result<Answer, NetError>>)| {
        let server = shown(address);
        let answer = answer.unwrap_or_else(|| Err(silent(&server)));
        Report { server, answer }
    };
    distinct.into_iter().zip(answers).map(report).collect()
}

/// Runs `ask` of each on a thread of its own and returns what has come back in time, in order.
fn at_once<Q: Send + 'static, A: Send + 'static>(all: Vec<Q>, ask: fn(&Q) -> A) -> Vec<Option<A>> {
    let end = Instant::now() + ROUND;
    let mut answers: Vec<Option<A>> = all.iter().map(|_| None).collect();
    let (sender, receiver) = mpsc::channel();
    for (number, question) in all.into_iter().enumerate() {
        let sender = sender.clone();
        let thread = thread::Builder::new().name("ask-time".to_owned()).stack_size(STACK_BYTES);
        // What has no thread does not answer; nobody waits for one that comes back too late.
        drop(thread.spawn(move || drop(sender.send((number, ask(&question))))));
    }
    drop(sender);
    while let Ok((number, answer)) = receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        answers[number] = Some(answer);
    }
    answers
}

/// Looks up the addresses of a server.
fn resolve(server: &String) -> Result<Vec<SocketAddr>, NetError> {
    let found = match server.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::from((address, PORT))],
        Err(_) => (server.as_str(), PORT)
            .to_socket_addrs()
            .during("looking up time server", server)?
            .take(MAX_ADDRESSES)
            .collect(),
    };
    if found.is_empty() { Err(silent(server)) } else { Ok(found) }
}

fn silent(server: &str) -> NetError {
    NetError::NoTime { server: server.to_owned() }
}

/// Writes a server's address; without the port, if it is the usual one.
fn shown(address: SocketAddr) -> String {
    if address.port() == PORT { address.ip().to_string() } else { address.to_string() }
}

/// Asks one server.
///
/// # Errors
/// [`NetError`] if it can't be reached, does not answer in time or answers nonsense.
pub fn ask(address: SocketAddr) -> Result<Answer, NetError> {
    let server = shown(address);
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).during("opening a socket for", &server)?;
    // A connected socket takes answers from this address only.
    socket.connect(address).during("querying time server", &server)?;
    let nonce = nonce();
    let sent = Instant::now();
    socket.send(&request(nonce)).during("querying time server", &server)?;
    let mut packet = [0; 512];
    loop {
        let left = TIMEOUT.saturating_sub(sent.elapsed());
        if left.is_zero() {
            return Err(silent(&server));
        }
        socket.set_read_timeout(Some(left)).during("querying time server", &server)?;
        match socket.recv(&mut packet) {
            Ok(length) => {
                let time = read(&packet[..length], nonce, sent.elapsed())?;
                return Ok(Answer { time, at: Instant::now() });
            }
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(e) => return Err(e).during("querying time server", &server),
        }
    }
}

/// The request; its transmit timestamp is a nonce, which the answer must repeat.
fn request(nonce: u64) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    packet[0] = 4 << 3 | 3; // version 4, client
    packet[40..48].copy_from_slice(&nonce.to_be_bytes());
    packet
}

/// Reads the answer: the time as of now, when the exchange took `round_trip`.
fn read(packet: &[u8], nonce: u64, round_trip: Duration) -> Result<Duration, NetError> {
    let wrong = |why| Err(NetError::Malformed { what: "the time server's answer", why });
    let Some(packet) = packet.get(..PACKET_BYTES) else { return wrong("too short") };
    let field = |at: usize| u64::from_be_bytes(packet[at..at + 8].try_into().expect("eight bytes"));
    let root_secs = |at: usize| u64::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    let (leap, mode, stratum) = (packet[0] >> 6, packet[0] & 7, packet[1]);
    let (received, transmitted) = (field(32), field(40));
    if field(24) != nonce {
        return wrong("not an answer to our question");
    }
    if mode != 4 {
        return wrong("not from a server");
    }
    if leap == 3 || !(1..=15).contains(&stratum) {
        return wrong("the server itself has no time");
    }
    if transmitted == 0 || received == 0 {
        return wrong("no time in it");
    }
    if root_secs(4) >= MAX_ROOT_SECS || root_secs(8) >= MAX_ROOT_SECS {
        return wrong("too far from a reference clock");
    }
    // Half of what the way took is added: the other half was on the way there.
    let at_server = since_1970(transmitted).saturating_sub(since_1970(received));
    let travel = round_trip.saturating_sub(at_server) / 2;
    Ok(since_1970(transmitted) + travel)
}

/// Converts an NTP timestamp; those of the first half of their range are after 2036 (RFC 4330, section 3).
fn since_1970(timestamp: u64) -> Duration {
    let (seconds, fraction) = (timestamp >> 32, timestamp & 0xffff_ffff);
    let era = if seconds & 0x8000_0000 == 0 { 1 << 32 } else { 0 };
    let nanos = (fraction * 1_000_000_000) >> 32;
    Duration::from_secs((seconds + era).saturating_sub(EPOCH_OFFSET_SECS)) + Duration::from_nanos(nanos)
}

/// A number that an attacker off the path can't guess.
fn nonce() -> u64 {
    let mut bytes = [0; 8];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(8) => u64::from_ne_bytes(bytes) | 1,
        _ => clock::now().as_secs() << 32 | u64::from(clock::now().subsec_nanos()) | 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(nonce: u64) -> [u8; PACKET_BYTES] {
        let mut packet = [0; PACKET_BYTES];
        packet[0] = 4 << 3 | 4;
        packet[1] = 2;
        packet[24..32].copy_from_slice(&nonce.to_be_bytes());
        for at in [32, 40] {
            packet[at..at + 4].copy_from_slice(&3_900_000_000u32.to_be_bytes());
        }
        packet
    }

    #[test]
    fn adds_half_of_the_way() {
        let time = read(&answer(5), 5, Duration::from_millis(100)).unwrap();
        assert_eq!(time, Duration::from_millis((3_900_000_000 - EPOCH_OFFSET_SECS) * 1000 + 50));
    }

    #[test]
    fn refuses_what_is_no_trustworthy_answer() {
        let cases: [(usize, u8); 8] =
            [(0, 4 << 3 | 3), (0, 0xe4), (1, 0), (1, 16), (24, 9), (5, 16), (9, 99), (44, 1)];
        for (at, value) in cases.into_iter().take(7) {
            let mut packet = answer(5);
            packet[at] = value;
            assert!(read(&packet, 5, Duration::ZERO).is_err(), "byte {at} = {value}");
        }
        assert!(read(&answer(5)[..47], 5, Duration::ZERO).is_err());
        let mut empty = answer(5);
        empty[40..48].fill(0);
        assert!(read(&empty, 5, Duration::ZERO).is_err());
    }

    /// A real server on the loopback, which answers each request as `change` leaves the answer.
    fn server(change: fn(&mut Vec<u8>)) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut request = [0; 512];
            while let Ok((_, from)) = socket.recv_from(&mut request) {
                let mut packet = answer(0).to_vec();
                packet[24..32].copy_from_slice(&request[40..48]);
                change(&mut packet);
                drop(socket.send_to(&packet, from));
            }
        });
        address
    }

    #[test]
    fn all_servers_are_asked_and_each_is_reported() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let good = server(|_| {});
        let servers = [
            good,
            server(|packet| packet[32..48].fill(0)),
            server(|packet| packet.truncate(47)),
            server(|packet| packet[24] ^= 1),
            good,
            silent.local_addr().unwrap(),
            closed,
        ];
        let reports = ask_each(&servers);
        assert_eq!(reports.len(), servers.len() - 1, "{reports:?}");
        let said: Vec<String> = reports
            .iter()
            .map(|r| r.answer.as_ref().map_or_else(ToString::to_string, |a| a.now().as_secs().to_string()))
            .collect();
        // As long as it took until it was looked at.
        let time = said[0].parse::<u64>().unwrap() - (3_900_000_000 - EPOCH_OFFSET_SECS);
        assert!(time < 3600, "{said:?}");
        let expected =
            ["no time in it", "too short", "not an answer to our question", "timed out", "refused"];
        for (said, expected) in said[1..].iter().zip(expected) {
            assert!(said.contains(expected), "{said:?}: expected {expected}");
        }
    }

    #[test]
    fn names_and_servers_are_bounded() {
        assert_eq!(resolve(&"127.0.0.1".to_owned()).unwrap(), [SocketAddr::from(([127, 0, 0, 1], 123))]);
        assert!(resolve(&"localhost".to_owned()).unwrap().len() <= MAX_ADDRESSES);
        assert!(resolve(&"no such name".to_owned()).is_err());
        let closed: Vec<SocketAddr> = (1..=20).map(|n| SocketAddr::from(([127, 0, 0, n], 1))).collect();
        assert_eq!(ask_each(&closed).len(), MAX_SERVERS);
        let reports = ask_all(&["no such name".to_owned()]);
        assert_eq!(reports.len(), 1);
        assert!(reports[0].answer.as_ref().unwrap_err().to_string().contains("no such name"));
    }

    #[test]
    fn timestamps_go_on_after_2036() {
        assert_eq!(since_1970(0x9000_0000 << 32), Duration::from_secs(0x9000_0000 - EPOCH_OFFSET_SECS));
        assert_eq!(since_1970(0), Duration::from_secs((1 << 32) - EPOCH_OFFSET_SECS));
    }
}

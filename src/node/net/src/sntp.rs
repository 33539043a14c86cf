//! Queries a time server: SNTP, RFC 4330 (RFC 5905 for NTP version 4).
//!
//! One packet, checked as section 5 of RFC 4330 requires. The clock is stepped; slewing and a clock discipline are left
//! out.

use std::io::ErrorKind;
use std::net::{ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::clock;
use crate::error::{During, NetError};

const PORT: u16 = 123;
const PACKET_BYTES: usize = 48;
/// Longest wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Seconds from 1900 to 1970.
const EPOCH_OFFSET_SECS: u64 = 2_208_988_800;
/// Largest root delay or dispersion that is believed, in seconds.
const MAX_ROOT_SECS: u64 = 16;

/// Asks one server, by name or address, and returns the time since 1970 as of now.
///
/// # Errors
/// [`NetError`] if it can't be found, does not answer in time or answers nonsense.
pub fn ask(server: &str) -> Result<Duration, NetError> {
    let address = (server, PORT)
        .to_socket_addrs()
        .during("looking up time server", server)?
        .next()
        .ok_or_else(|| NetError::NoTime { server: server.to_owned() })?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).during("opening a socket for", server)?;
    // A connected socket takes answers from this address only.
    socket.connect(address).during("querying time server", server)?;
    let nonce = nonce();
    let sent = Instant::now();
    socket.send(&request(nonce)).during("querying time server", server)?;
    let mut packet = [0; 512];
    loop {
        let left = TIMEOUT.saturating_sub(sent.elapsed());
        if left.is_zero() {
            return Err(NetError::NoTime { server: server.to_owned() });
        }
        socket.set_read_timeout(Some(left)).during("querying time server", server)?;
        match socket.recv(&mut packet) {
            Ok(length) => return read(&packet[..length], nonce, sent.elapsed()),
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(e) => return Err(e).during("querying time server", server),
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

    #[test]
    fn timestamps_go_on_after_2036() {
        assert_eq!(since_1970(0x9000_0000 << 32), Duration::from_secs(0x9000_0000 - EPOCH_OFFSET_SECS));
        assert_eq!(since_1970(0), Duration::from_secs((1 << 32) - EPOCH_OFFSET_SECS));
    }
}

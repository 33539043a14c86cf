//! DHCP packets as a boot server sees them: RFC 2131 section 2, options of RFC 2132, 3004, 4578. Pure.
//!
//! Only what network boot needs. A crate that knows all options brings a DNS implementation along, which is more than
//! what is here.

use std::net::Ipv4Addr;

/// Longest packet that is read: more than any firmware sends.
pub(crate) const MAX_BYTES: usize = 4096;
/// Length of the fixed part.
const HEAD_BYTES: usize = 236;
/// Smallest packet that every relay passes on (RFC 1542, section 2.1).
const MIN_BYTES: usize = 300;
const MAGIC: [u8; 4] = [99, 130, 83, 99];
/// Where things are in the fixed part, and how long the name of the boot file may be.
const FILE_AT: usize = 108;
const FILE_BYTES: usize = 128;

/// Numbers of options.
pub(crate) mod code {
    pub(crate) const SUBNET_MASK: u8 = 1;
    pub(crate) const VENDOR: u8 = 43;
    pub(crate) const REQUESTED_ADDRESS: u8 = 50;
    pub(crate) const LEASE_SECS: u8 = 51;
    pub(crate) const KIND: u8 = 53;
    pub(crate) const SERVER: u8 = 54;
    pub(crate) const CLASS: u8 = 60;
    pub(crate) const BOOT_FILE: u8 = 67;
    pub(crate) const USER_CLASS: u8 = 77;
    pub(crate) const ARCHITECTURE: u8 = 93;
    pub(crate) const MACHINE: u8 = 97;
}

/// Options with their numbers.
pub(crate) type Options = Vec<(u8, Vec<u8>)>;

/// Kinds of messages, option 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Ack = 5,
}

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub kind: Kind,
    /// The fixed part, of which an answer repeats some.
    head: [u8; HEAD_BYTES],
    options: Options,
}

impl Asked {
    /// Reads a message; `None` if it is no message of an Ethernet client, or of a kind that no boot server answers.
    pub(crate) fn parse(packet: &[u8]) -> Option<Asked> {
        let head: [u8; HEAD_BYTES] = packet.get(..HEAD_BYTES)?.try_into().ok()?;
        let is_asking = head[..3] == [1, 1, 6] && packet.get(HEAD_BYTES..HEAD_BYTES + 4)? == MAGIC;
        if !is_asking {
            return None;
        }
        let options = options(packet.get(HEAD_BYTES + 4..)?);
        let kind = match options.iter().find(|(code, _)| *code == code::KIND)?.1[..] {
            [1] => Kind::Discover,
            [3] => Kind::Request,
            _ => return None,
        };
        Some(Asked { kind, head, options })
    }

    /// Returns an option.
    pub(crate) fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(c, _)| *c == code).map(|(_, value)| value.as_slice())
    }

    /// Returns an option that is an address.
    pub(crate) fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.option(code).and_then(|v| <[u8; 4]>::try_from(v).ok()).map(Ipv4Addr::from)
    }

    /// Returns the hardware address.
    pub(crate) fn mac(&self) -> [u8; 6] {
        let mut mac = [0; 6];
        mac.copy_from_slice(&self.head[28..34]);
        mac
    }

    /// Returns the address that the client has; `0.0.0.0` before it has one.
    pub(crate) fn client_address(&self) -> Ipv4Addr {
        let [a, b, c, d] = [12, 13, 14, 15].map(|at| self.head[at]);
        Ipv4Addr::new(a, b, c, d)
    }
}

/// Reads options as far as they go; one in several parts is put together (RFC 3396).
fn options(mut bytes: &[u8]) -> Options {
    let mut found = Options::new();
    loop {
        match bytes {
            [0, rest @ ..] => bytes = rest,
            [255, ..] | [] | [_] => return found,
            [code, length, rest @ ..] => {
                let Some((value, rest)) = rest.split_at_checked(usize::from(*length)) else { return found };
                match found.iter_mut().find(|(c, _)| c == code) {
                    Some((_, all)) => all.extend_from_slice(value),
                    None => found.push((*code, value.to_vec())),
                }
                bytes = rest;
            }
        }
    }
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub kind: Kind,
    /// The address that is lent; `0.0.0.0` if none is.
    pub lent: Ipv4Addr,
    /// The server.
    pub server: Ipv4Addr,
    /// Name or URL of the boot file.
    pub file: Option<String>,
    /// Further options.
    pub options: Options,
}

impl Answer {
    /// Writes it as the answer to `asked`.
    pub(crate) fn encode(&self, asked: &Asked) -> Vec<u8> {
        let mut packet = asked.head.to_vec();
        packet[0] = 2; // BOOTREPLY
        packet[3] = 0; // hops
        packet[8..10].fill(0); // seconds
        packet[16..20].copy_from_slice(&self.lent.octets());
        packet[20..24].copy_from_slice(&self.server.octets());
        packet[44..].fill(0); // names of server and file
        let file = self.file.as_deref().unwrap_or_default().as_bytes();
        // With an end: a longer one is in the option alone.
        if file.len() < FILE_BYTES {
            packet[FILE_AT..FILE_AT + file.len()].copy_from_slice(file);
        }
        packet.extend_from_slice(&MAGIC);
        let mut option = |code: u8, value: &[u8]| {
            for part in value.chunks(255) {
                packet.push(code);
                packet.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
                packet.extend_from_slice(part);
            }
        };
        option(code::KIND, &[self.kind as u8]);
        option(code::SERVER, &self.server.octets());
        if !file.is_empty() {
            option(code::BOOT_FILE, file);
        }
        for (code, value) in &self.options {
            option(*code, value);
        }
        packet.push(255);
        packet.resize(packet.len().max(MIN_BYTES), 0);
        packet
    }
}

/// Makes messages of clients.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A message of `kind` with these options.
    pub(crate) fn message(kind: u8, options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut packet = vec![0; HEAD_BYTES];
        packet[..3].copy_from_slice(&[1, 1, 6]);
        packet[4..8].copy_from_slice(&[9, 8, 7, 6]);
        packet[10] = 0x80;
        packet[28..34].copy_from_slice(&[0x52, 0x54, 0, 1, 2, 3]);
        packet.extend(MAGIC);
        for (code, value) in [&[(code::KIND, &[kind][..])], options].concat() {
            packet.extend([code, u8::try_from(value.len()).unwrap()]);
            packet.extend(value);
        }
        packet.push(255);
        packet
    }

    /// Reads an answer as a client does: the fixed part, and the options.
    pub(crate) fn read(packet: &[u8]) -> (Vec<u8>, Options) {
        assert_eq!(packet[HEAD_BYTES..HEAD_BYTES + 4], MAGIC);
        (packet[..HEAD_BYTES].to_vec(), options(&packet[HEAD_BYTES + 4..]))
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{message, read};
    use super::*;

    #[test]
    fn an_answer_repeats_what_identifies_the_question() {
        let asked = Asked::parse(&message(1, &[(code::CLASS, b"PXEClient")])).unwrap();
        assert_eq!((asked.kind, asked.mac()), (Kind::Discover, [0x52, 0x54, 0, 1, 2, 3]));
        assert_eq!(asked.option(code::CLASS).unwrap(), b"PXEClient");
        let server = Ipv4Addr::new(10, 0, 0, 1);
        let long = "x".repeat(300);
        let file = Some(long.clone());
        let lent = Ipv4Addr::UNSPECIFIED;
        let packet = Answer { kind: Kind::Offer, lent, server, file, options: Vec::new() }.encode(&asked);
        let (head, options) = read(&packet);
        assert_eq!((head[0], &head[4..8], head[10]), (2, &[9, 8, 7, 6][..], 0x80));
        assert_eq!((&head[20..24], &head[28..34]), (&server.octets()[..], &asked.mac()[..]));
        assert!(head[FILE_AT..].iter().all(|b| *b == 0), "too long for the fixed part");
        assert_eq!(options[2], (code::BOOT_FILE, long.into_bytes()));
    }

    #[test]
    fn garbage_is_no_message() {
        let good = message(1, &[(code::CLASS, b"PXEClient")]);
        for length in 0..good.len() - 15 {
            assert_eq!(Asked::parse(&good[..length]), None, "{length}");
        }
        let mut answer = good.clone();
        answer[0] = 2;
        assert_eq!(Asked::parse(&answer), None);
        assert_eq!(Asked::parse(&message(4, &[])), None, "a decline");
        // An option that is longer than the packet ends it.
        let cut = [&good[..good.len() - 1], &[77, 200, 1]].concat();
        assert_eq!(Asked::parse(&cut).unwrap().option(77), None);
    }
}

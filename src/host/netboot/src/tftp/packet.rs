//! TFTP packets: RFC 1350, options of RFC 2347, 2348, 2349, 7440. Pure.

/// Longest packet of a client that is read.
pub(crate) const MAX_BYTES: usize = 1024;
/// Block size without options, and the largest (RFC 2348).
const PLAIN_BLOCK: u16 = 512;
const MAX_BLOCK: u16 = 65_464;
/// Most blocks that are sent without an acknowledgement. More than this overruns the buffers of firmware.
const MAX_WINDOW: u16 = 64;

/// What went wrong, as the protocol says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// 1.
    NotFound,
    /// 2.
    ReadOnly,
    /// 4.
    Illegal,
    /// 0.
    Unreadable,
}

/// A packet of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// A file is wanted.
    Read(Request),
    /// A file is to be written.
    Write,
    /// A block, or the options with 0, has arrived.
    Ack(u16),
    /// The client gives up.
    Error,
}

/// The wish for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The file's name as it was sent.
    pub name: String,
    pub block_bytes: u16,
    /// Blocks that may be sent without an acknowledgement.
    pub window: u16,
    /// The names of the options that were asked for and are known.
    options: Vec<&'static str>,
}

impl Packet {
    /// Reads a packet.
    ///
    /// # Errors
    /// [`Failure::Illegal`] if it is none.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Packet, Failure> {
        match bytes {
            [0, 1, rest @ ..] => Ok(Packet::Read(Request::parse(rest).ok_or(Failure::Illegal)?)),
            [0, 2, ..] => Ok(Packet::Write),
            [0, 4, high, low, ..] => Ok(Packet::Ack(u16::from_be_bytes([*high, *low]))),
            [0, 5, ..] => Ok(Packet::Error),
            _ => Err(Failure::Illegal),
        }
    }
}

impl Request {
    fn parse(bytes: &[u8]) -> Option<Request> {
        let text = bytes.strip_suffix(&[0])?;
        let mut fields = text.split(|b| *b == 0).map(|f| std::str::from_utf8(f).ok());
        let (name, mode) = (fields.next()??.to_owned(), fields.next()??);
        // What is served is no text.
        if !mode.eq_ignore_ascii_case("octet") {
            return None;
        }
        let mut request = Request { name, block_bytes: PLAIN_BLOCK, window: 1, options: Vec::new() };
        while let (Some(Some(option)), Some(Some(value))) = (fields.next(), fields.next()) {
            request.take(option, value);
        }
        Some(request)
    }

    /// Takes an option. One that is unknown, or has an impossible value, is left out of the answer, as the RFC says.
    fn take(&mut self, option: &str, value: &str) {
        let number = value.parse::<u16>().ok();
        match (option.to_ascii_lowercase().as_str(), number) {
            ("blksize", Some(bytes @ 8..)) => {
                self.block_bytes = bytes.min(MAX_BLOCK);
                self.options.push("blksize");
            }
            ("windowsize", Some(blocks @ 1..)) => {
                self.window = blocks.min(MAX_WINDOW);
                self.options.push("windowsize");
            }
            ("tsize", _) => self.options.push("tsize"),
            _ => {}
        }
    }

    /// Returns the answer to its options; `None` if it has none.
    pub(crate) fn accepted(&self, file_bytes: u64) -> Option<Vec<u8>> {
        if self.options.is_empty() {
            return None;
        }
        let mut packet = vec![0, 6];
        for option in &self.options {
            let value = match *option {
                "blksize" => u64::from(self.block_bytes),
                "windowsize" => u64::from(self.window),
                _ => file_bytes,
            };
            packet.extend_from_slice(format!("{option}\0{value}\0").as_bytes());
        }
        Some(packet)
    }
}

/// Returns the packet with a block.
pub(crate) fn data(number: u64, block: &[u8]) -> Vec<u8> {
    // Numbers of large files begin again at 0.
    let [.., high, low] = number.to_be_bytes();
    [&[0, 3, high, low], block].concat()
}

/// Returns the packet that says what went wrong.
pub(crate) fn error(failure: Failure) -> Vec<u8> {
    let (code, text) = match failure {
        Failure::Unreadable => (0, "the file can't be read"),
        Failure::NotFound => (1, "no such file"),
        Failure::ReadOnly => (2, "files are only read here"),
        Failure::Illegal => (4, "not a request for a file in octet mode"),
    };
    [&[0, 5, 0, code], text.as_bytes(), &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        match Packet::parse(&[b"\0\x01", text.as_bytes()].concat()).unwrap() {
            Packet::Read(request) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_are_taken_within_bounds() {
        let plain = request("a.efi\0octet\0");
        assert_eq!((plain.name.as_str(), plain.block_bytes, plain.window), ("a.efi", 512, 1));
        assert_eq!(plain.accepted(7), None);
        let all = request("a\0OCTET\0tsize\x000\0BLKSIZE\x001468\0windowsize\x00999\0multicast\0\0");
        assert_eq!((all.block_bytes, all.window), (1468, 64));
        assert_eq!(
            all.accepted(1 << 32).unwrap(),
            b"\0\x06tsize\x004294967296\0blksize\x001468\0windowsize\x0064\0"
        );
        assert_eq!(request("a\0octet\0blksize\x007\0windowsize\x000\0").accepted(1), None);
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\x01",
            b"\0\x01a",
            b"\0\x01a\0",
            b"\0\x01a\0netascii\0",
            b"\0\x01\xff\0octet\0",
            b"\0\x03\0\0",
            b"\0\x04\0",
        ] {
            assert_eq!(Packet::parse(bytes), Err(Failure::Illegal), "{bytes:?}");
        }
        assert_eq!(Packet::parse(b"\0\x02a\0octet\0"), Ok(Packet::Write));
    }
}

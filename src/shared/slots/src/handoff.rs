//! What the boot loader tells the system that it starts: one line of text in a volatile EFI variable.
//!
//! The command line is part of the signed UKI and can't say which slot it came from, nor which disk: an installation
//! medium and the disk that was installed from it have the same kernel. The line is
//! `slot=a generation=3 tries=2 reason=has-tries partition=HEX`; readers skip keys that they don't know. It is a hint, not
//! a proof: a node that finds no such variable knows its slot by the root it verified, and goes on with
//! [`Why::Unknown`].

use core::fmt;

use crate::Slot;

/// Name of the variable.
pub const VARIABLE_NAME: &str = "IronhullBoot";
/// Vendor GUID of the variable as text: `VARIABLE_NAME-VARIABLE_GUID` is its file in efivarfs, where four
/// bytes of attributes stand in front of the text.
pub const VARIABLE_GUID: &str = "31df846a-5c4c-4605-b49e-6dc14bf7b246";
/// The same GUID as its bytes stand in memory.
pub const VARIABLE_GUID_BYTES: [u8; 16] =
    [0x6a, 0x84, 0xdf, 0x31, 0x4c, 0x5c, 0x05, 0x46, 0xb4, 0x9e, 0x6d, 0xc1, 0x4b, 0xf7, 0xb2, 0x46];

/// Room that the text needs at most, in bytes.
pub const HANDOFF_BYTES: usize = 128;

/// Why the boot loader starts the slot it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Why {
    /// It has tries left.
    HasTries,
    /// The operator asked for it, once.
    Forced,
    /// No slot has tries left, and this one is blessed.
    NoTriesBlessed,
    /// No slot has tries left, and no better one is left.
    LastResort,
    /// The boot loader did not say.
    #[default]
    Unknown,
}

impl Why {
    /// All reasons for a start.
    const ALL: [Why; 5] = [Why::HasTries, Why::Forced, Why::NoTriesBlessed, Why::LastResort, Why::Unknown];

    /// Returns the stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Why::HasTries => "has-tries",
            Why::Forced => "forced",
            Why::NoTriesBlessed => "no-tries-left-blessed",
            Why::LastResort => "last-resort",
            Why::Unknown => "unknown",
        }
    }

    /// Returns what a name stands for; a name unknown here is [`Why::Unknown`].
    #[must_use]
    pub fn from_name(name: &str) -> Why {
        Why::ALL.into_iter().find(|w| w.name() == name).unwrap_or_default()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the boot loader tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handoff {
    /// The slot that it starts.
    pub slot: Slot,
    /// The generation in it.
    pub generation: u32,
    /// Tries that are left after this start.
    pub tries_left: u8,
    /// Why this slot.
    pub why: Why,
    /// The unique GUID of the partition with the kernel, in the byte order of partition tables; `None` from a boot
    /// loader that does not tell.
    pub partition: Option<[u8; 16]>,
}

impl Handoff {
    /// Writes the text to the front of `out` and returns it.
    pub fn encode<'a>(&self, out: &'a mut [u8; HANDOFF_BYTES]) -> &'a [u8] {
        let mut text = Text { out, used: 0 };
        text.push(b"slot=");
        text.push(self.slot.name().as_bytes());
        text.push(b" generation=");
        text.push_number(self.generation);
        text.push(b" tries=");
        text.push_number(u32::from(self.tries_left));
        text.push(b" reason=");
        text.push(self.why.name().as_bytes());
        if let Some(partition) = self.partition {
            text.push(b" partition=");
            partition.into_iter().for_each(|byte| text.push(&hex(byte)));
        }
        let Text { out, used } = text;
        out.get(..used).unwrap_or_default()
    }

    /// Parses the text; `None` if slot, generation or tries is missing, repeated or malformed.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Handoff> {
        let text = core::str::from_utf8(text).ok()?;
        let value = |key: &str| {
            let mut found =
                text.split_ascii_whitespace().filter_map(|w| w.strip_prefix(key)?.strip_prefix('='));
            let first = found.next();
            first.filter(|_| found.next().is_none())
        };
        Some(Handoff {
            slot: Slot::from_name(value("slot")?)?,
            generation: value("generation")?.parse().ok()?,
            tries_left: value("tries")?.parse().ok()?,
            why: value("reason").map_or(Why::Unknown, Why::from_name),
            partition: value("partition").and_then(parse_partition),
        })
    }
}

/// Returns the two lower-case hex digits of a byte.
fn hex(byte: u8) -> [u8; 2] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    [digit(byte >> 4), digit(byte & 0xf)]
}

/// Parses 32 hex digits.
fn parse_partition(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    (pairs.len() == bytes.len() && rest.is_empty()).then_some(())?;
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(bytes)
}

/// Text in a fixed place; what does not fit is cut off.
struct Text<'a> {
    out: &'a mut [u8; HANDOFF_BYTES],
    used: usize,
}

impl Text<'_> {
    /// Appends bytes.
    fn push(&mut self, bytes: &[u8]) {
        for (to, from) in self.out.iter_mut().skip(self.used).zip(bytes) {
            *to = *from;
            self.used += 1;
        }
    }

    /// Appends a number in decimal; without `core::fmt`, which the boot loader may do without.
    fn push_number(&mut self, number: u32) {
        let mut power = 1_000_000_000;
        while power > 0 {
            let digit = number / power % 10;
            if number >= power || power == 1 {
                self.push(&[b'0' | u8::try_from(digit).unwrap_or_default()]);
            }
            power /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;

    #[test]
    fn round_trip_of_extremes() {
        for generation in [0, 1, 9, 10, 105, 1_000_000_000, u32::MAX] {
            for why in Why::ALL {
                for partition in [None, Some([0xfe; 16])] {
                    let told = Handoff { slot: Slot::B, generation, tries_left: u8::MAX, why, partition };
                    let mut room = [0; HANDOFF_BYTES];
                    let text = told.encode(&mut room);
                    assert!(text.len() < HANDOFF_BYTES, "nothing was cut off");
                    assert_eq!(Handoff::parse(text), Some(told));
                }
            }
        }
    }

    #[test]
    fn text_is_pinned() {
        let partition = Some([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xab, 11, 12, 13, 14, 0xff]);
        let told = Handoff { slot: Slot::A, generation: 30, tries_left: 2, why: Why::HasTries, partition };
        let mut room = [0; HANDOFF_BYTES];
        let before = b"slot=a generation=30 tries=2 reason=has-tries";
        assert_eq!(Handoff { partition: None, ..told }.encode(&mut room), before);
        let text = told.encode(&mut room);
        assert_eq!(&text[before.len()..], b" partition=00010203040506070809ab0b0c0d0eff");
    }

    #[test]
    fn both_spellings_of_the_guid_agree() {
        let b = VARIABLE_GUID_BYTES;
        let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
        let hex: String = order.iter().map(|i| format!("{:02x}", b[*i])).collect();
        assert_eq!(hex, VARIABLE_GUID.replace('-', ""));
    }

    #[test]
    fn unknown_keys_and_reasons_are_no_error_but_doubt_is() {
        let told = |text: &str| Handoff::parse(text.as_bytes());
        let some = told("new=1 slot=a generation=3 tries=2 reason=from-the-future").expect("parses");
        assert_eq!((some.why, some.partition), (Why::Unknown, None));
        for odd in ["", "00", "000102030405060708090a0b0c0d0e0g", "000102030405060708090a0b0c0d0e0f0"] {
            let text = format!("slot=a generation=3 tries=2 partition={odd}");
            assert_eq!(told(&text).map(|told| told.partition), Some(None), "{odd}");
        }
        for bad in ["", "slot=a", "slot=c generation=3 tries=2", "slot=a slot=b generation=3 tries=2"] {
            assert_eq!(told(bad), None, "{bad:?}");
        }
        assert_eq!(Handoff::parse(&[0xff, 0xfe]), None);
    }
}

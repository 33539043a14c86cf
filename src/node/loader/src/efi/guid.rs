//! GUIDs in their memory and disk format: the first three groups are little-endian.

/// A GUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Guid(pub [u8; 16]);

/// The position in memory of each byte of the text form.
const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

impl Guid {
    /// Parses the text form with dashes, lower case. For use at compile time, where a mistake is an error.
    ///
    /// # Panics
    /// If the text is not a GUID.
    #[must_use]
    pub const fn parse(text: &str) -> Guid {
        let text = text.as_bytes();
        assert!(text.len() == 36, "a GUID has 36 characters");
        let (mut bytes, mut at, mut n) = ([0; 16], 0, 0);
        while at < text.len() {
            if at == 8 || at == 13 || at == 18 || at == 23 {
                assert!(text[at] == b'-', "the groups of a GUID have dashes between them");
                at += 1;
            }
            bytes[ORDER[n]] = digit(text[at]) << 4 | digit(text[at + 1]);
            n += 1;
            at += 2;
        }
        Guid(bytes)
    }
}

/// Returns the value of a hex digit.
const fn digit(c: u8) -> u8 {
    match c {
        b'0'..=b'9' => c - b'0',
        b'a'..=b'f' => c - b'a' + 10,
        _ => panic!("a GUID is written in lower-case hex"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_groups_are_little_endian() {
        let guid = Guid::parse("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
        let bytes =
            [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
        assert_eq!(guid.0, bytes);
        assert_eq!(Guid::parse(slots::VARIABLE_GUID).0, slots::VARIABLE_GUID_BYTES);
    }
}

//! GUIDs: sixteen bytes in the order of the text form; in disk format the first three groups are
//! little-endian.

use std::fmt;

/// A GUID, in the order of its text form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// Parses the text form with dashes, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Guid> {
        let mut groups = text.split('-');
        let mut digits = String::with_capacity(32);
        for length in [8, 4, 4, 4, 12] {
            let group = groups.next()?;
            if group.len() != length || !group.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            digits.push_str(group);
        }
        if groups.next().is_some() {
            return None;
        }
        u128::from_str_radix(&digits, 16).ok().map(|n| Guid(n.to_be_bytes()))
    }

    /// Returns the bytes in disk format.
    #[must_use]
    pub fn to_disk(self) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h, rest @ ..] = self.0;
        let [i, j, k, l, m, n, o, p] = rest;
        [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
    }

    /// Returns the GUID from bytes in disk format.
    #[must_use]
    pub fn from_disk(bytes: [u8; 16]) -> Guid {
        // The conversion is its own inverse.
        Guid(Guid(bytes).to_disk())
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_disk_forms_round_trip() {
        let text = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
        let guid = Guid::parse(text).unwrap();
        assert_eq!(guid.to_string(), text);
        assert_eq!(Guid::parse(&text.to_uppercase()), Some(guid));
        assert_eq!(guid.to_disk()[..8], [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11]);
        assert_eq!(Guid::from_disk(guid.to_disk()), guid);
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "c12a7328f81f11d2ba4b00a0c93ec93b",
            "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
            "c12a7328-f81f-11d2-ba4b-00a0c93ec93b-",
            "+12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        ] {
            assert_eq!(Guid::parse(bad), None, "{bad}");
        }
    }
}

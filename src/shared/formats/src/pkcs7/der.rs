//! DER as far as signatures need it: tag, length, content.

/// The first byte of an element.
#[derive(Clone, Copy)]
pub(crate) struct Tag(u8);

impl Tag {
    pub(crate) const INTEGER: Tag = Tag(0x02);
    pub(crate) const BITS: Tag = Tag(0x03);
    pub(crate) const OCTETS: Tag = Tag(0x04);
    pub(crate) const NULL: Tag = Tag(0x05);
    pub(crate) const OID: Tag = Tag(0x06);
    pub(crate) const SEQUENCE: Tag = Tag(0x30);
    pub(crate) const SET: Tag = Tag(0x31);

    /// Returns the context-specific tag of a constructed element.
    pub(crate) const fn context(number: u8) -> Tag {
        Tag(0xa0 | number)
    }

    /// Returns the context-specific tag of a primitive element.
    pub(crate) const fn plain(number: u8) -> Tag {
        Tag(0x80 | number)
    }
}

/// Returns an element whose content is made of parts.
pub(crate) fn tlv(tag: Tag, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|p| p.len()).sum();
    let mut element = vec![tag.0];
    let bytes = length.to_be_bytes();
    let digits = bytes.iter().position(|b| *b != 0).map_or(&[][..], |at| &bytes[at..]);
    match digits {
        [] => element.push(0),
        [short @ 0..=0x7f] => element.push(*short),
        long => {
            element.push(0x80 | u8::try_from(long.len()).expect("a length has at most eight bytes"));
            element.extend(long);
        }
    }
    parts.iter().for_each(|part| element.extend_from_slice(part));
    element
}

/// Returns an integer below 128.
pub(crate) fn integer(n: u8) -> Vec<u8> {
    tlv(Tag::INTEGER, &[&[n]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_they_can() {
        let cases: [(usize, &[u8]); 6] = [
            (0, &[4, 0]),
            (127, &[4, 0x7f]),
            (128, &[4, 0x81, 0x80]),
            (255, &[4, 0x81, 0xff]),
            (256, &[4, 0x82, 1, 0]),
            (65536, &[4, 0x83, 1, 0, 0]),
        ];
        for (length, expected) in cases {
            let element = tlv(Tag::OCTETS, &[&vec![7; length]]);
            assert_eq!(&element[..expected.len()], expected, "{length}");
            assert_eq!(element.len(), expected.len() + length);
        }
    }
}

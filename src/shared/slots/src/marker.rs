//! The builder's marker on a partition that wants a file system on first boot.
//!
//! `init` formats a partition only where this block stands, byte for byte. A damaged file system never
//! looks like it, so damage is never answered with a format.

/// Length of the marker in bytes: the first block of the partition.
pub const MARKER_BYTES: usize = 4096;

/// Text at the start of the block; the number is the version of the marker.
const MAGIC: &[u8; 24] = b"IRONHULL-UNFORMATTED-01\n";

/// A partition that may be formatted, and the file system's identity when it is.
///
/// Layout: magic (24 bytes), UUID (16), then zeros up to [`MARKER_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// UUID that the new file system gets.
    pub uuid: [u8; 16],
}

impl Marker {
    /// Returns the block as it stands on disk.
    #[must_use]
    pub fn to_block(self) -> [u8; MARKER_BYTES] {
        let mut block = [0; MARKER_BYTES];
        block[..MAGIC.len()].copy_from_slice(MAGIC);
        block[MAGIC.len()..MAGIC.len() + 16].copy_from_slice(&self.uuid);
        block
    }

    /// Parses the first block of a partition; `None` if it is anything but a whole marker.
    #[must_use]
    pub fn parse(block: &[u8; MARKER_BYTES]) -> Option<Marker> {
        let (magic, rest) = block.split_at(MAGIC.len());
        let (uuid, zeros) = rest.split_at(16);
        let whole = magic == MAGIC && zeros.iter().all(|b| *b == 0);
        whole.then(|| Marker { uuid: core::array::from_fn(|i| uuid[i]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let marker = Marker { uuid: [7; 16] };
        assert_eq!(Marker::parse(&marker.to_block()), Some(marker));
    }

    #[test]
    fn any_other_byte_makes_it_no_marker() {
        let good = Marker { uuid: [7; 16] }.to_block();
        for at in [0, 23, 40, 1024, MARKER_BYTES - 1] {
            let mut bad = good;
            bad[at] ^= 1;
            assert_eq!(Marker::parse(&bad), None, "byte {at}");
        }
    }
}

//! Has a partition made anew: the builder's marker takes the place of its first block.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use slots::Marker;

/// Writes a marker with a new UUID, durably.
pub(super) fn mark(device: &File) -> io::Result<()> {
    let mut random = [0; 16];
    sys::random_bytes(&mut random).map_err(io::Error::other)?;
    device.write_all_at(&Marker { uuid: uuid(random) }.to_block(), 0)?;
    device.sync_all()
}

/// Returns random bytes as a UUID of version 4 (RFC 9562, section 5.4).
fn uuid(mut random: [u8; 16]) -> [u8; 16] {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    random
}

#[cfg(test)]
mod tests {
    use super::*;

    use slots::MARKER_BYTES;

    #[test]
    fn only_the_first_block_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        std::fs::write(&path, vec![7; 3 * MARKER_BYTES]).unwrap();
        mark(&File::options().write(true).open(&path).unwrap()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let marker = Marker::parse(bytes[..MARKER_BYTES].try_into().unwrap()).unwrap();
        assert_eq!((marker.uuid[6] >> 4, marker.uuid[8] >> 6), (4, 2));
        assert!(bytes.len() == 3 * MARKER_BYTES && bytes[MARKER_BYTES..].iter().all(|b| *b == 7));
    }
}

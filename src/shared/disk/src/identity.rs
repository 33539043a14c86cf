//! GUIDs, UUIDs and the verity salt: derived from names and content, so that the same image always has the
//! same ones and two images never share them.

use sha2::{Digest, Sha256};

/// Derives 32 bytes from a purpose and parts. Their lengths are hashed too, so that no two lists of parts
/// give the same bytes.
#[must_use]
pub fn derive(purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [b"ironhull", purpose.as_bytes()].iter().chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Derives a UUID, version 8 (RFC 9562: custom content), in the byte order of its text form.
#[must_use]
pub fn uuid(purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
    let hash = derive(purpose, parts);
    let mut uuid: [u8; 16] = std::array::from_fn(|i| hash[i]);
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purpose_and_every_part_count() {
        let all = [
            uuid("disk", &[b"a", b"b"]),
            uuid("state", &[b"a", b"b"]),
            uuid("disk", &[b"ab", b""]),
            uuid("disk", &[b"a"]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
            assert_eq!((a[6] >> 4, a[8] >> 6), (8, 2));
        }
        assert_eq!(all[0], uuid("disk", &[b"a", b"b"]));
    }
}

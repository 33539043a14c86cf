//! Layout: the fixed prefix, the limits, and the entries of a part's index. Little-endian.

use crate::error::BundleError;
use crate::hex::Hash;

/// Uncompressed bytes in one frame; the last frame of a part may be shorter.
///
/// Large frames compress better, but a reader needs memory for a compressed and an uncompressed one.
pub const FRAME_BYTES: u64 = 4 << 20;
/// Maximum uncompressed length of a part: the largest root partition that a profile allows.
pub const MAX_PART_BYTES: u64 = 16 << 30;
/// Maximum length of a compressed frame: that of [`FRAME_BYTES`] incompressible bytes, `ZSTD_COMPRESSBOUND`.
pub(crate) const MAX_PACKED_BYTES: u32 = (4 << 20) + (4 << 12) + 64;
/// Maximum length of a manifest.
pub(crate) const MAX_MANIFEST_BYTES: u32 = 64 << 10;
/// Maximum number of signatures, and of keys in a set.
pub(crate) const MAX_SIGNATURES: u32 = 16;
/// Length of the prefix.
pub(crate) const PREFIX_BYTES: usize = 24;
/// Length of an index entry.
pub(crate) const ENTRY_BYTES: usize = 36;

const MAGIC: [u8; 8] = *b"IRONHULL";
const VERSION: u32 = 1;

/// The start of a bundle: 0 magic, 8 version u32, 12 length of the manifest u32, 16 number of signatures u32,
/// 20 zero u32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// Length of the manifest.
    pub manifest_bytes: u32,
    /// Number of signatures.
    pub signatures: u32,
}

impl Prefix {
    /// Returns the prefix as bytes.
    #[cfg(feature = "builder")]
    pub(crate) fn to_bytes(self) -> [u8; PREFIX_BYTES] {
        let mut bytes = [0; PREFIX_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.manifest_bytes.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.signatures.to_le_bytes());
        bytes
    }

    /// Parses a prefix, and checks its lengths against the limits.
    pub(crate) fn parse(bytes: &[u8; PREFIX_BYTES]) -> Result<Prefix, BundleError> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[..8] != MAGIC {
            return Err(BundleError::off("its start", bytes[..8].escape_ascii(), "IRONHULL"));
        }
        if word(8) != VERSION {
            return Err(BundleError::off("format version", word(8), "1"));
        }
        let (manifest_bytes, signatures) = (word(12), word(16));
        if manifest_bytes == 0 || manifest_bytes > MAX_MANIFEST_BYTES {
            return Err(BundleError::off("length of the manifest", manifest_bytes, "1 to 65536"));
        }
        if signatures > MAX_SIGNATURES {
            return Err(BundleError::off("number of signatures", signatures, "at most 16"));
        }
        if word(20) != 0 {
            return Err(BundleError::off("reserved field", word(20), "0"));
        }
        Ok(Prefix { manifest_bytes, signatures })
    }
}

/// The index entry of a frame: 0 compressed length u32, 4 SHA-256 of the compressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Compressed length, 1 to [`MAX_PACKED_BYTES`].
    pub packed: u32,
    /// SHA-256 of the compressed bytes.
    pub sha256: Hash,
}

impl Entry {
    /// Returns the entry as bytes.
    #[cfg(feature = "builder")]
    pub(crate) fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..4].copy_from_slice(&self.packed.to_le_bytes());
        bytes[4..].copy_from_slice(&self.sha256.0);
        bytes
    }

    /// Parses an entry.
    pub(crate) fn parse(bytes: &[u8; ENTRY_BYTES]) -> Result<Entry, BundleError> {
        let packed = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if packed == 0 || packed > MAX_PACKED_BYTES {
            return Err(BundleError::off("length of a frame", packed, "1 to 4210752"));
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(&bytes[4..]);
        Ok(Entry { packed, sha256: Hash(sha256) })
    }
}

/// Returns the number of frames for `bytes`.
pub(crate) fn frames(bytes: u64) -> u64 {
    bytes.div_ceil(FRAME_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_off_is_named() {
        let good = Prefix { manifest_bytes: 9, signatures: 2 }.to_bytes();
        assert_eq!(Prefix::parse(&good).unwrap(), Prefix { manifest_bytes: 9, signatures: 2 });
        for (at, name) in [
            (0, "its start"),
            (8, "format version"),
            (15, "length of the manifest"),
            (17, "number of signatures"),
            (20, "reserved field"),
        ] {
            let mut bad = good;
            bad[at] ^= 2;
            let found = Prefix::parse(&bad).unwrap_err();
            assert!(matches!(found, BundleError::Malformed { what, .. } if what == name), "{name}: {found}");
        }
    }

    #[test]
    fn the_longest_frame_is_what_zstd_says() {
        let frame = usize::try_from(FRAME_BYTES).unwrap();
        let bound = zstd::zstd_safe::compress_bound(frame);
        assert!(bound <= usize::try_from(MAX_PACKED_BYTES).unwrap(), "{bound}");
        assert!(Entry::parse(&[0xff; ENTRY_BYTES]).is_err());
        assert!(Entry::parse(&[0; ENTRY_BYTES]).is_err());
    }
}

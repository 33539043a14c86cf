//! The verity superblock: 512 bytes, little-endian, at the start of the hash area.

use super::{VerityError, hex};
use crate::le;

/// Size of a data block and of a hash block.
pub const BLOCK_BYTES: usize = 4096;
/// Size of the superblock itself; the rest of its block is zeros.
pub(super) const SUPERBLOCK_BYTES: usize = 512;

const MAGIC: [u8; 8] = *b"verity\0\0";
const VERSION: u32 = 1;
const HASH_TYPE: u32 = 1;
const SALT_BYTES: u16 = 32;

/// The variable fields of a verity superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// UUID of the hash area.
    pub uuid: [u8; 16],
    /// Number of data blocks.
    pub data_blocks: u64,
    /// Salt of every digest.
    pub salt: [u8; 32],
}

impl Superblock {
    /// Returns the superblock in disk format, padded to a block.
    #[must_use]
    pub fn to_block(&self) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        le::put(&mut block, 0, &MAGIC);
        le::put(&mut block, 8, &VERSION.to_le_bytes());
        le::put(&mut block, 12, &HASH_TYPE.to_le_bytes());
        le::put(&mut block, 16, &self.uuid);
        le::put(&mut block, 32, b"sha256");
        le::put(&mut block, 64, &4096u32.to_le_bytes());
        le::put(&mut block, 68, &4096u32.to_le_bytes());
        le::put(&mut block, 72, &self.data_blocks.to_le_bytes());
        le::put(&mut block, 80, &SALT_BYTES.to_le_bytes());
        le::put(&mut block, 88, &self.salt);
        block
    }

    /// Parses the superblock at the start of `bytes`.
    ///
    /// # Errors
    /// [`VerityError::Superblock`] with the field, if it is truncated, not a verity superblock or has
    /// unsupported values.
    pub fn parse(bytes: &[u8]) -> Result<Superblock, VerityError> {
        let whole = bytes.get(..SUPERBLOCK_BYTES);
        let b = whole.ok_or_else(|| off("length", bytes.len(), "at least 512"))?;
        let magic = le::array::<8>(b, 0).unwrap_or_default();
        if magic != MAGIC {
            return Err(off("magic", hex(&magic), "7665726974790000"));
        }
        let numbers = [
            ("version", 8, VERSION, "1"),
            ("hash type", 12, HASH_TYPE, "1"),
            ("data block size", 64, 4096, "4096"),
            ("hash block size", 68, 4096, "4096"),
        ];
        for (field, at, want, expected) in numbers {
            let found = le::u32(b, at).unwrap_or_default();
            if found != want {
                return Err(off(field, found, expected));
            }
        }
        let algorithm = le::array::<32>(b, 32).unwrap_or_default();
        if algorithm != le::array::<32>(&Superblock::EMPTY.to_block(), 32).unwrap_or_default() {
            return Err(off("algorithm", String::from_utf8_lossy(&algorithm).escape_debug(), "sha256"));
        }
        let salt_bytes = le::u16(b, 80).unwrap_or_default();
        if salt_bytes != SALT_BYTES {
            return Err(off("salt size", salt_bytes, "32"));
        }
        Ok(Superblock {
            uuid: le::array(b, 16).unwrap_or_default(),
            data_blocks: le::u64(b, 72).unwrap_or_default(),
            salt: le::array(b, 88).unwrap_or_default(),
        })
    }

    /// An empty superblock, for its constant fields.
    const EMPTY: Superblock = Superblock { uuid: [0; 16], data_blocks: 0, salt: [0; 32] };
}

/// Returns the error for an invalid `field`.
fn off(field: &'static str, found: impl ToString, expected: &'static str) -> VerityError {
    VerityError::Superblock { field, found: found.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Superblock {
        Superblock { uuid: [3; 16], data_blocks: 77, salt: [9; 32] }
    }

    #[test]
    fn round_trip() {
        assert_eq!(Superblock::parse(&sample().to_block()).unwrap(), sample());
    }

    #[test]
    fn each_field_off_is_named() {
        let cases = [
            (0, "magic"),
            (8, "version"),
            (12, "hash type"),
            (32, "algorithm"),
            (37, "algorithm"),
            (40, "algorithm"),
        ];
        let more = [(64, "data block size"), (68, "hash block size"), (80, "salt size")];
        for (at, name) in cases.into_iter().chain(more) {
            let mut block = sample().to_block();
            block[at] ^= 0x40;
            let found = Superblock::parse(&block).unwrap_err();
            assert!(
                matches!(found, VerityError::Superblock { field, .. } if field == name),
                "{name}: {found}"
            );
        }
    }

    #[test]
    fn cut_off_is_an_error_at_any_length() {
        let block = sample().to_block();
        for length in 0..SUPERBLOCK_BYTES {
            assert!(Superblock::parse(&block[..length]).is_err(), "{length}");
        }
    }
}

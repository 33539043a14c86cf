//! The header in front of a UKI in a kernel partition.
//!
//! The header stands in the first sector, the UKI begins at [`UKI_OFFSET`], so that both are aligned on
//! disks of either block size. The digest finds damage, not an attacker: what vouches for a UKI is its
//! signature, and the epoch that counts for installing is the one the signature covers.
//!
//! Layout, little-endian, 512 bytes: 0 magic, 8 length u64, 16 sha256, 48 generation u32, 52 epoch u32,
//! zeros, 508 crc32 of the 508 bytes in front.

use crate::bytes::{BLOCK, array_at, is_sealed, put, seal, u32_at, u64_at};

/// Length of a header in bytes: one sector.
pub const HEADER_BYTES: usize = BLOCK;
/// Where in the kernel partition the UKI begins, in bytes.
pub const UKI_OFFSET: u64 = 4096;

/// Magic of a header.
const MAGIC: &[u8; 8] = b"IRONSLOT";

/// What stands in a kernel partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Length of the UKI in bytes, at least 1.
    pub length: u64,
    /// SHA-256 of the UKI.
    pub sha256: [u8; 32],
    /// Number of the generation.
    pub generation: u32,
    /// Security epoch of the generation.
    pub epoch: u32,
}

impl Header {
    /// Parses the first sector of a kernel partition of `room` bytes.
    ///
    /// `None` if magic or checksum is wrong, or if the UKI would be empty or end past the partition.
    #[must_use]
    pub fn parse(block: &[u8; HEADER_BYTES], room: u64) -> Option<Header> {
        let length = u64_at::<8>(block);
        let fits = length > 0 && length <= room.saturating_sub(UKI_OFFSET);
        (fits && is_sealed(block, MAGIC)).then(|| Header {
            length,
            sha256: array_at::<16, 32>(block),
            generation: u32_at::<48>(block),
            epoch: u32_at::<52>(block),
        })
    }

    /// Returns the header as it stands on disk.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut block = [0; HEADER_BYTES];
        put::<0, 8>(&mut block, *MAGIC);
        put::<8, 8>(&mut block, self.length.to_le_bytes());
        put::<16, 32>(&mut block, self.sha256);
        put::<48, 4>(&mut block, self.generation.to_le_bytes());
        put::<52, 4>(&mut block, self.epoch.to_le_bytes());
        seal(&mut block);
        block
    }
}

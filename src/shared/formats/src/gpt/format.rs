//! Bit layout: header, entries, protective MBR, and their checksum.

use super::{BLOCK_BYTES, FIRST_USABLE, Guid, Partition, TAIL_BLOCKS, Table};
use crate::{bios, le};

/// Size of a block.
pub(super) const BLOCK: usize = 512;
/// Number of entries.
pub(super) const ENTRIES: u32 = 128;
/// Size of one entry.
const ENTRY_BYTES: usize = 128;
/// Size of all entries: 32 blocks.
pub(super) const ARRAY_BYTES: usize = ENTRIES as usize * ENTRY_BYTES;
/// [`ARRAY_BYTES`] in blocks.
pub(super) const ARRAY_BLOCKS: u64 = ARRAY_BYTES as u64 / BLOCK_BYTES;
/// Size of the header's fields.
const HEADER_BYTES: usize = 92;
const SIGNATURE: [u8; 8] = *b"EFI PART";
const REVISION: u32 = 0x0001_0000;

/// One of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// At the start of the disk.
    Primary,
    /// At its end.
    Backup,
}

/// The variable fields of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub disk_guid: Guid,
    /// Block of the other table's header.
    pub other: u64,
    /// First block of the entries.
    pub array: u64,
    pub array_crc: u32,
}

/// CRC-32 of each byte alone.
const CRC_OF_BYTE: [u32; 256] = crc_of_bytes();

/// Computes [`CRC_OF_BYTE`], at compile time.
const fn crc_of_bytes() -> [u32; 256] {
    let mut table = [0; 256];
    let mut crc: u32 = 0;
    let mut i = 0;
    while i < 256 {
        table[i] = crc_steps(crc);
        (i, crc) = (i + 1, crc + 1);
    }
    table
}

/// Shifts eight bits through the polynomial.
const fn crc_steps(mut crc: u32) -> u32 {
    let mut bit = 0;
    while bit < 8 {
        crc = (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1));
        bit += 1;
    }
    crc
}

/// Returns the CRC-32 of UEFI (that of zlib).
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    // A byte is always a valid index of a table of 256.
    !bytes.iter().fold(!0, |crc: u32, b| (crc >> 8) ^ CRC_OF_BYTE[usize::from(crc.to_le_bytes()[0] ^ b)])
}

/// Returns the header block of one of the two tables.
pub(super) fn header_block(table: &Table, which: Which, array: &[u8]) -> [u8; BLOCK] {
    let last = table.disk_blocks.saturating_sub(1);
    let (this, other, array_at) = match which {
        Which::Primary => (1, last, 2),
        Which::Backup => (last, 1, last.saturating_sub(ARRAY_BLOCKS)),
    };
    let mut block = [0; BLOCK];
    let last_usable = last.saturating_sub(TAIL_BLOCKS);
    le::put(&mut block, 0, &SIGNATURE);
    le::put(&mut block, 8, &REVISION.to_le_bytes());
    le::put(&mut block, 12, &92u32.to_le_bytes());
    le::put(&mut block, 24, &this.to_le_bytes());
    le::put(&mut block, 32, &other.to_le_bytes());
    le::put(&mut block, 40, &FIRST_USABLE.to_le_bytes());
    le::put(&mut block, 48, &last_usable.to_le_bytes());
    le::put(&mut block, 56, &table.disk_guid.to_disk());
    le::put(&mut block, 72, &array_at.to_le_bytes());
    le::put(&mut block, 80, &ENTRIES.to_le_bytes());
    le::put(&mut block, 84, &128u32.to_le_bytes());
    le::put(&mut block, 88, &crc32(array).to_le_bytes());
    let crc = crc32(block.get(..HEADER_BYTES).unwrap_or_default());
    le::put(&mut block, 16, &crc.to_le_bytes());
    block
}

/// Parses the header in block `at`; the error says what is invalid.
pub(super) fn parse_header(block: &[u8; BLOCK], at: u64) -> Result<Header, String> {
    let wide = |at| le::u64(block, at).unwrap_or_default();
    let half = |at| le::u32(block, at).unwrap_or_default();
    if le::array(block, 0) != Some(SIGNATURE) {
        return Err("has no signature".into());
    }
    let mut plain = *block;
    le::put(&mut plain, 16, &[0; 4]);
    if half(12) != 92 || crc32(plain.get(..HEADER_BYTES).unwrap_or_default()) != half(16) {
        return Err("has a wrong checksum".into());
    }
    let constant = [(8, REVISION), (80, ENTRIES), (84, 128)];
    if constant.iter().any(|(at, want)| half(*at) != *want) || wide(40) != FIRST_USABLE {
        return Err("is of another revision, or has not 128 entries of 128 bytes".into());
    }
    if wide(24) != at {
        return Err(format!("says it stands in block {}, not {at}", wide(24)));
    }
    Ok(Header {
        disk_guid: Guid::from_disk(le::array(block, 56).unwrap_or_default()),
        other: wide(32),
        array: wide(72),
        array_crc: half(88),
    })
}

/// Returns the entries in disk format.
pub(super) fn entry_array(table: &Table) -> Vec<u8> {
    let mut array = vec![0; ARRAY_BYTES];
    for p in &table.partitions {
        let at = (p.number as usize).saturating_sub(1).saturating_mul(ENTRY_BYTES);
        le::put(&mut array, at, &p.type_guid.to_disk());
        le::put(&mut array, at + 16, &p.unique_guid.to_disk());
        le::put(&mut array, at + 32, &p.first_lba.to_le_bytes());
        le::put(&mut array, at + 40, &p.last_lba.to_le_bytes());
        le::put(&mut array, at + 48, &p.attributes.to_le_bytes());
        for (i, unit) in p.name.encode_utf16().take(36).enumerate() {
            le::put(&mut array, at + 56 + 2 * i, &unit.to_le_bytes());
        }
    }
    array
}

/// Parses the entries that are in use.
pub(super) fn parse_entries(array: &[u8]) -> Vec<Partition> {
    (1..=ENTRIES).zip(array.chunks_exact(ENTRY_BYTES)).filter_map(|(n, e)| parse_entry(n, e)).collect()
}

/// Parses one entry; `None` if it is not in use.
fn parse_entry(number: u32, entry: &[u8]) -> Option<Partition> {
    let type_guid = Guid::from_disk(le::array(entry, 0)?);
    let units: Vec<u16> =
        (0..36).filter_map(|i| le::u16(entry, 56 + 2 * i)).take_while(|u| *u != 0).collect();
    let partition = Partition {
        number,
        type_guid,
        unique_guid: Guid::from_disk(le::array(entry, 16)?),
        first_lba: le::u64(entry, 32)?,
        last_lba: le::u64(entry, 40)?,
        attributes: le::u64(entry, 48)?,
        name: String::from_utf16_lossy(&units),
    };
    (type_guid != Guid::default()).then_some(partition)
}

/// Returns the protective MBR of a disk: one partition of type 0xEE that covers it, and a program that tells a machine
/// in BIOS mode that it has to be set to UEFI.
pub(super) fn protective_mbr(disk_blocks: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    le::put(&mut block, 0, &bios::program());
    let length = u32::try_from(disk_blocks.saturating_sub(1)).unwrap_or(u32::MAX);
    le::put(&mut block, 446, &[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff]);
    le::put(&mut block, 454, &1u32.to_le_bytes());
    le::put(&mut block, 458, &length.to_le_bytes());
    le::put(&mut block, 510, &[0x55, 0xaa]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_is_the_one_of_zlib() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }
}

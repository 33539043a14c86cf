//! The partition table, as far as needed to find our partitions. Pure.
//!
//! The firmware reports partitions without their types, and a type alone is not enough: both kernel
//! partitions have the same. So a partition is ours if it has the expected number **and** type. Spec: 5.3.2,
//! 5.3.3.

use slots::Partition;

use crate::efi::Guid;

/// Bytes of the header that its checksum covers, and bytes of an entry.
const HEADER_BYTES: usize = 92;
const ENTRY_BYTES: usize = 128;
/// Bytes of a name.
const NAME_BYTES: usize = 72;
/// Maximum number of entries accepted; every tool writes 128.
const MOST_ENTRIES: usize = 128;

/// Location of the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entries {
    /// First block.
    pub lba: u64,
    /// Length in bytes.
    pub bytes: usize,
    crc: u32,
}

/// Parses the header in block `lba`; `None` if it is not valid.
pub(crate) fn header(block: &[u8], lba: u64) -> Option<Entries> {
    let mut header: [u8; HEADER_BYTES] = array(block, 0)?;
    let crc = u32::from_le_bytes(array(&header, 16)?);
    header.get_mut(16..20)?.fill(0);
    let (size, this) = (u32::from_le_bytes(array(&header, 12)?), u64::from_le_bytes(array(&header, 24)?));
    let sound = header.starts_with(b"EFI PART") && size == 92 && this == lba && crc32(&header) == crc;
    let count = usize::try_from(u32::from_le_bytes(array(&header, 80)?)).ok()?;
    let entry = usize::try_from(u32::from_le_bytes(array(&header, 84)?)).ok()?;
    (sound && entry == ENTRY_BYTES && count <= MOST_ENTRIES).then_some(Entries {
        lba: u64::from_le_bytes(array(&header, 72)?),
        bytes: count * ENTRY_BYTES,
        crc: u32::from_le_bytes(array(&header, 88)?),
    })
}

impl Entries {
    /// Returns whether the checksum of `entries` is the one in the header.
    pub(crate) fn are(&self, entries: &[u8]) -> bool {
        entries.len() == self.bytes && crc32(entries) == self.crc
    }
}

/// An entry of the table that is one of our partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Unique GUID.
    pub unique: [u8; 16],
    /// First block, in blocks of the table.
    pub first: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Name in UTF-16, little-endian, padded with zeros.
    name: [u8; NAME_BYTES],
}

impl Entry {
    /// Returns whether it has this name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let mut units = self.name.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
        let same = name.encode_utf16().all(|unit| units.next() == Some(unit));
        same && units.next().is_none_or(|unit| unit == 0)
    }
}

/// Returns one of our partitions; `None` if the entry is empty or has another type.
pub(crate) fn entry(entries: &[u8], partition: Partition) -> Option<Entry> {
    let wanted = type_of(partition).0;
    let index = usize::try_from(partition.number()).ok()?.checked_sub(1)?;
    let entry = entries.chunks_exact(ENTRY_BYTES).nth(index)?;
    let first = u64::from_le_bytes(array(entry, 32)?);
    let last = u64::from_le_bytes(array(entry, 40)?);
    Some(Entry {
        unique: entry.strip_prefix(&wanted)?.first_chunk().copied()?,
        first,
        blocks: last.checked_sub(first)?.checked_add(1)?,
        name: array(entry, 56)?,
    })
}

/// Returns the type GUID of a partition in disk format; the texts are parsed at compile time.
fn type_of(partition: Partition) -> Guid {
    const TYPES: [Guid; slots::PARTITION_COUNT] = {
        let mut types = [Guid([0; 16]); slots::PARTITION_COUNT];
        let mut i = 0;
        while i < types.len() {
            types[i] = Guid::parse(Partition::ALL[i].type_guid());
            i += 1;
        }
        types
    };
    let index = Partition::ALL.into_iter().position(|p| p == partition);
    index.and_then(|i| TYPES.get(i)).copied().unwrap_or_default()
}

/// Returns the `N` bytes at `at`.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Returns the CRC-32 of UEFI. Without a lookup table: at most 16 KiB are checked.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with our partitions; every byte of a partition's unique GUID is its number.
    fn table() -> (Vec<u8>, Vec<u8>) {
        let mut entries = vec![0; 128 * 128];
        for partition in Partition::ALL {
            let number = u8::try_from(partition.number()).unwrap();
            let at = 128 * (usize::from(number) - 1);
            entries[at..at + 16].copy_from_slice(&Guid::parse(partition.type_guid()).0);
            entries[at + 16..at + 32].fill(number);
            entries[at + 32] = 10 * number;
            entries[at + 40] = 10 * number + 4;
            for (to, from) in entries[at + 56..].chunks_mut(2).zip(partition.label().bytes()) {
                to[0] = from;
            }
        }
        let mut block = vec![0; 512];
        block[..8].copy_from_slice(b"EFI PART");
        block[12] = 92;
        block[24] = 1;
        block[72] = 2;
        block[80] = 128;
        block[84] = 128;
        let crc = crc32(&entries);
        block[88..92].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32(&block[..92]);
        block[16..20].copy_from_slice(&crc.to_le_bytes());
        (block, entries)
    }

    #[test]
    fn checksum_is_the_common_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn our_partitions_are_found_by_number_and_type() {
        let (block, mut entries) = table();
        let place = header(&block, 1).unwrap();
        assert_eq!((place.lba, place.bytes), (2, 16384));
        assert!(place.are(&entries));
        let kernel = entry(&entries, Partition::KernelA).unwrap();
        assert_eq!((kernel.unique, kernel.first, kernel.blocks), ([3; 16], 30, 5));
        assert!(kernel.is_named("kernel-a") && !kernel.is_named("kernel-") && !kernel.is_named("kernel-ab"));
        assert_eq!(entry(&entries, Partition::KernelB).unwrap().unique, [4; 16]);
        entries[0] ^= 1;
        assert!(!place.are(&entries));
        assert_eq!(entry(&entries, Partition::Esp), None, "another type");
        assert_eq!(entry(&[], Partition::BootState), None);
        entries[128 + 40] = 0;
        assert_eq!(entry(&entries, Partition::BootState), None, "ends before it begins");
    }

    #[test]
    fn an_unsound_header_is_none() {
        let (block, _) = table();
        assert_eq!(header(&block, 2), None, "in another block than it says");
        for at in 0..92 {
            let mut bad = block.clone();
            bad[at] ^= 0x10;
            assert_eq!(header(&bad, 1), None, "byte {at}");
        }
        for length in 0..92 {
            assert_eq!(header(&block[..length], 1), None);
        }
    }

    /// Whoever can write the disk can also write a correct checksum.
    #[test]
    fn a_sealed_header_that_says_anything_asks_for_sixteen_kib_at_most() {
        let numbers = [0, 1, 2, 127, 128, 129, 4096, 0x0200_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX];
        let fields = (8..92).step_by(4).flat_map(|at| numbers.map(|n| (at, n)));
        let (good, entries) = table();
        for ((at, number), count) in fields.flat_map(|f| numbers.map(|n| (f, n))) {
            let mut block = good.clone();
            block[80..84].copy_from_slice(&count.to_le_bytes());
            block[at..at + 4].copy_from_slice(&number.to_le_bytes());
            block[16..20].fill(0);
            let crc = crc32(&block[..92]);
            block[16..20].copy_from_slice(&crc.to_le_bytes());
            if let Some(place) = header(&block, 1) {
                assert!(place.bytes <= 16384, "{number} at {at}, {count} entries");
                assert!(place.bytes < 16384 || place.are(&entries) || at == 88, "{number} at {at}");
            }
        }
    }
}

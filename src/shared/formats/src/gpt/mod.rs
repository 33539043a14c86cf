//! GUID partition tables, for disks with logical blocks of 512 bytes.
//!
//! Written, read, and grown on first boot if the disk is larger than its image. 128 entries of 128 bytes, as
//! usual. Our own code rather than a crate's, because growing needs an order of writes that is safe against
//! power loss at any point, and because PID 1 uses it: nothing here panics. Spec: UEFI 2.10, chapter 5.

#[cfg(feature = "builder")]
mod dump;
mod format;
mod grow;
mod guid;
mod reader;
mod writer;

use std::io;

#[cfg(feature = "builder")]
pub use dump::dump;
pub use grow::{Grown, grow_last};
pub use guid::Guid;
pub use reader::read;
pub use writer::write;

/// Size of a logical block.
pub const BLOCK_BYTES: u64 = 512;
/// Blocks before the first partition: protective MBR, header, entries.
pub const FIRST_USABLE: u64 = 34;
/// Blocks after the last partition: entries, header.
pub const TAIL_BLOCKS: u64 = 33;

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Number in the table, 1 to 128.
    pub number: u32,
    /// GUID of its type.
    pub type_guid: Guid,
    /// GUID of this partition.
    pub unique_guid: Guid,
    /// First block.
    pub first_lba: u64,
    /// Last block, inclusive.
    pub last_lba: u64,
    /// Attribute bits.
    pub attributes: u64,
    /// Name, at most 36 UTF-16 units.
    pub name: String,
}

/// A whole table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// GUID of the disk.
    pub disk_guid: Guid,
    /// Number of blocks of the disk that the table was made for.
    pub disk_blocks: u64,
    /// Partitions, sorted by number.
    pub partitions: Vec<Partition>,
}

/// Why a table can't be written, read or grown.
#[derive(Debug, thiserror::Error)]
pub enum GptError {
    /// Reading or writing the disk failed.
    #[error("reading or writing a partition table")]
    Io(#[from] io::Error),
    /// The disk can't hold a table.
    #[error("disk has {0} blocks, a partition table needs at least 68")]
    TooSmall(u64),
    /// A partition number is out of range or used twice.
    #[error("partition {0}: expected a number from 1 to 128 that no other partition has")]
    Number(u32),
    /// The name of a partition is too long.
    #[error("partition {number}: name {name:?} is longer than 36 UTF-16 units")]
    Name {
        /// Number of the partition.
        number: u32,
        /// Its name.
        name: String,
    },
    /// A partition is not within the usable area, or ends before it starts.
    #[error("partition {number}: blocks {first} to {last}, usable are 34 to {last_usable}")]
    Range {
        /// Number of the partition.
        number: u32,
        /// Its first block.
        first: u64,
        /// Its last block.
        last: u64,
        /// Last usable block of the disk.
        last_usable: u64,
    },
    /// Two partitions overlap.
    #[error("partitions {0} and {1} overlap")]
    Overlap(u32, u32),
    /// Neither the primary nor the backup table is valid.
    #[error("no valid partition table: primary {primary}, backup {backup}")]
    Unsound {
        /// What is wrong with the primary table.
        primary: String,
        /// What is wrong with the backup table.
        backup: String,
    },
    /// The table has no partition that can be grown.
    #[error("partition table has no partitions")]
    Empty,
}

/// Checks that `table` is valid for its disk.
fn check(table: &Table) -> Result<(), GptError> {
    if table.disk_blocks < FIRST_USABLE + TAIL_BLOCKS + 1 {
        return Err(GptError::TooSmall(table.disk_blocks));
    }
    let last_usable = table.disk_blocks - TAIL_BLOCKS - 1;
    let mut sorted: Vec<&Partition> = table.partitions.iter().collect();
    sorted.sort_by_key(|p| p.number);
    let twice = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a.number == b.number);
    let number = twice.map(|(a, _)| a.number);
    let number = number.or_else(|| sorted.iter().map(|p| p.number).find(|n| !(1..=128).contains(n)));
    if let Some(number) = number {
        return Err(GptError::Number(number));
    }
    for p in &table.partitions {
        if p.name.encode_utf16().count() > 36 {
            return Err(GptError::Name { number: p.number, name: p.name.clone() });
        }
        if p.first_lba < FIRST_USABLE || p.last_lba > last_usable || p.first_lba > p.last_lba {
            let (first, last) = (p.first_lba, p.last_lba);
            return Err(GptError::Range { number: p.number, first, last, last_usable });
        }
    }
    sorted.sort_by_key(|p| p.first_lba);
    let overlap = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a.last_lba >= b.first_lba);
    overlap.map_or(Ok(()), |(a, b)| Err(GptError::Overlap(a.number, b.number)))
}

//! Extends the last partition after the disk has become larger.
//!
//! Safe against power loss at any point: the new backup is on the disk before the primary is changed, so at
//! any time one of the two is valid, with either the old or the new size. Run again, it completes what was
//! interrupted; if nothing is left to do, it writes nothing.

use std::io::{self, Read, Seek, Write};

use super::format::Which;
use super::reader::{read, read_one};
use super::writer::{write_mbr, write_one};
use super::{GptError, Partition, TAIL_BLOCKS, Table};

/// Partitions end at a multiple of this many blocks, which is 1 MiB.
const ALIGN_BLOCKS: u64 = 2048;

/// The result of growing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grown {
    /// The last partition after growing.
    pub last: Partition,
    /// Whether anything was written.
    pub changed: bool,
}

/// Moves the backup table to the end of a disk of `disk_blocks` blocks of 512 bytes, and the end of the last
/// partition to the last whole MiB before it. A partition never becomes smaller.
///
/// `sync` is called between the steps and must make all writes durable.
///
/// # Errors
/// [`GptError::Unsound`] if no valid table is found, [`GptError::Empty`] if it has no partitions,
/// [`GptError::Io`] if the disk fails. If the disk had a valid table, it still has one.
pub fn grow_last<D: Read + Write + Seek>(
    disk: &mut D,
    disk_blocks: u64,
    mut sync: impl FnMut(&mut D) -> io::Result<()>,
) -> Result<Grown, GptError> {
    let (table, last) = plan(read(disk, disk_blocks)?, disk_blocks)?;
    let backup = read_one(disk, disk_blocks, Which::Backup)?;
    let backup_stands = backup.is_ok_and(|b| b == table);
    if !backup_stands {
        write_one(disk, &table, Which::Backup)?;
        sync(disk)?;
    }
    let primary = read_one(disk, disk_blocks, Which::Primary)?;
    let primary_stands = primary.is_ok_and(|p| p == table);
    if !primary_stands {
        write_mbr(disk, &table)?;
        write_one(disk, &table, Which::Primary)?;
        sync(disk)?;
    }
    Ok(Grown { last, changed: !backup_stands || !primary_stands })
}

/// Returns the table for the larger disk, and its last partition.
fn plan(mut table: Table, disk_blocks: u64) -> Result<(Table, Partition), GptError> {
    table.disk_blocks = disk_blocks;
    let last = table.partitions.iter_mut().max_by_key(|p| p.last_lba).ok_or(GptError::Empty)?;
    let usable = disk_blocks.saturating_sub(TAIL_BLOCKS);
    let end = usable - usable % ALIGN_BLOCKS;
    last.last_lba = last.last_lba.max(end.saturating_sub(1));
    let last = last.clone();
    super::check(&table)?;
    Ok((table, last))
}

//! Writes a table: protective MBR, primary and backup.

use std::io::{Seek, SeekFrom, Write};

use super::format::{ARRAY_BLOCKS, Which, entry_array, header_block, protective_mbr};
use super::{BLOCK_BYTES, GptError, Table, check};

/// Writes protective MBR, primary and backup table; everything between them is left unchanged.
///
/// `disk` must be able to hold `table.disk_blocks` blocks of 512 bytes; it may be sparse or empty, as long as
/// it can be written at any offset.
///
/// # Errors
/// [`GptError`] if the table is not valid for its disk; nothing is written then. [`GptError::Io`] if the disk
/// can't be written; one of the two tables may be incomplete then.
pub fn write(disk: &mut (impl Write + Seek), table: &Table) -> Result<(), GptError> {
    check(table)?;
    write_one(disk, table, Which::Primary)?;
    write_mbr(disk, table)?;
    write_one(disk, table, Which::Backup)
}

/// Writes one of the two tables: entries, then the header with their checksum.
pub(super) fn write_one(disk: &mut (impl Write + Seek), table: &Table, which: Which) -> Result<(), GptError> {
    let array = entry_array(table);
    let last = table.disk_blocks.saturating_sub(1);
    let (array_at, header_at) = match which {
        Which::Primary => (2, 1),
        Which::Backup => (last.saturating_sub(ARRAY_BLOCKS), last),
    };
    put(disk, array_at, &array)?;
    put(disk, header_at, &header_block(table, which, &array))
}

/// Writes the protective MBR.
pub(super) fn write_mbr(disk: &mut (impl Write + Seek), table: &Table) -> Result<(), GptError> {
    put(disk, 0, &protective_mbr(table.disk_blocks))
}

/// Writes `bytes` from block `lba` on.
fn put(disk: &mut (impl Write + Seek), lba: u64, bytes: &[u8]) -> Result<(), GptError> {
    disk.seek(SeekFrom::Start(lba.saturating_mul(BLOCK_BYTES)))?;
    Ok(disk.write_all(bytes)?)
}

//! Reads a table: the primary one, or the backup at the end of the disk if only that is valid.

use std::io::{Read, Seek, SeekFrom};

use super::format::{ARRAY_BYTES, BLOCK, Which, crc32, parse_entries, parse_header};
use super::{BLOCK_BYTES, GptError, Table, check};

/// Reads the table of a disk of `disk_blocks` blocks of 512 bytes.
///
/// `disk_blocks` of the result comes from the table, and is smaller if the disk has become larger.
///
/// # Errors
/// [`GptError::Unsound`] if neither of the two tables is valid, with the reason for each; [`GptError::Io`] if
/// the disk can't be read.
pub fn read(disk: &mut (impl Read + Seek), disk_blocks: u64) -> Result<Table, GptError> {
    let primary = match read_one(disk, disk_blocks, Which::Primary)? {
        Ok(table) => return Ok(table),
        Err(reason) => reason,
    };
    match read_one(disk, disk_blocks, Which::Backup)? {
        Ok(table) => Ok(table),
        Err(backup) => Err(GptError::Unsound { primary, backup }),
    }
}

/// Reads one of the two tables; the inner error is the reason why it is not valid.
pub(super) fn read_one(
    disk: &mut (impl Read + Seek),
    disk_blocks: u64,
    which: Which,
) -> Result<Result<Table, String>, GptError> {
    let at = match which {
        Which::Primary => 1,
        Which::Backup => disk_blocks.saturating_sub(1),
    };
    if at >= disk_blocks {
        return Err(GptError::TooSmall(disk_blocks));
    }
    let mut block = [0; BLOCK];
    get(disk, at, &mut block)?;
    let header = match parse_header(&block, at) {
        Ok(header) => header,
        Err(reason) => return Ok(Err(reason)),
    };
    if header.array.checked_add(ARRAY_BYTES as u64 / BLOCK_BYTES).is_none_or(|end| end > disk_blocks) {
        return Ok(Err(format!("has its entries in block {}, outside the disk", header.array)));
    }
    let mut array = vec![0; ARRAY_BYTES];
    get(disk, header.array, &mut array)?;
    if crc32(&array) != header.array_crc {
        return Ok(Err("has entries with a wrong checksum".into()));
    }
    let last = match which {
        Which::Primary => header.other,
        Which::Backup => at,
    };
    let partitions = parse_entries(&array);
    let table = Table { disk_guid: header.disk_guid, disk_blocks: last.saturating_add(1), partitions };
    if table.disk_blocks > disk_blocks {
        return Ok(Err(format!("is for a disk of {} blocks, this one has {disk_blocks}", table.disk_blocks)));
    }
    Ok(check(&table).map(|()| table).map_err(|e| format!("is invalid: {e}")))
}

/// Fills `bytes` from block `lba` on.
fn get(disk: &mut (impl Read + Seek), lba: u64, bytes: &mut [u8]) -> Result<(), GptError> {
    disk.seek(SeekFrom::Start(lba.saturating_mul(BLOCK_BYTES)))?;
    Ok(disk.read_exact(bytes)?)
}

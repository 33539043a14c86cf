//! Reads a directory, sector by sector.

use super::reader::{Volume, damaged};
use super::record::{Extent, Names, Record, parse};
use super::{SECTOR, rock_ridge};
use crate::disk::{ReadAt, read_vec};
use crate::volume::VolumeError;

/// Maximum length of a directory in bytes; one with 10,000 long names fits.
const MAX_BYTES: u64 = 4 << 20;

/// One of the directory trees of a volume: they hold the same files under different names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    pub root: Extent,
    pub names: Names,
    pub block_bytes: u64,
}

impl<D: ReadAt> Volume<D> {
    /// Calls `look` for each record of a directory until it returns something, and returns that.
    pub(super) fn search<T>(
        &self,
        tree: &Tree,
        directory: Extent,
        mut look: impl FnMut(&Record) -> Option<T>,
    ) -> Result<Option<T>, VolumeError> {
        let end = directory.at.saturating_add(directory.bytes);
        if directory.bytes > MAX_BYTES || end > self.disk.len() {
            let (bytes, disk) = (directory.bytes, self.disk.len());
            return Err(damaged(format!(
                "a directory of {bytes} bytes ends at {end}, expected at most {MAX_BYTES} bytes on a disk of {disk}"
            )));
        }
        let mut skip = None;
        let mut at = directory.at;
        while at < end {
            let sector = read_vec(&self.disk, at, SECTOR.min(end - at))?;
            let mut rest = &sector[..];
            // A length of 0 fills the rest of the sector.
            while let Some(length) = rest.first().map(|b| usize::from(*b)).filter(|length| *length > 0) {
                let Some((bytes, after)) = rest.split_at_checked(length) else {
                    return Err(damaged(format!("a record of {length} bytes crosses the sector at {at}")));
                };
                rest = after;
                let Some(mut parsed) = parse(bytes, tree.block_bytes, tree.names) else {
                    return Err(damaged(format!("a record of {length} bytes at {at} is incomplete")));
                };
                // Only the first record, which is the directory itself, says how much to skip.
                let skip = *skip.get_or_insert_with(|| rock_ridge::skipped(parsed.system_use));
                if parsed.is_dot {
                    continue;
                }
                if tree.names == Names::Plain {
                    let fields = parsed.system_use.get(skip..).unwrap_or_default();
                    if let Some(name) = rock_ridge::name(&self.disk, fields, tree.block_bytes)? {
                        parsed.record.name = name;
                    }
                }
                if let Some(found) = look(&parsed.record) {
                    return Ok(Some(found));
                }
            }
            at += SECTOR;
        }
        Ok(None)
    }
}

//! The boot sector of a FAT, and where it says that everything is.

use crate::disk::{ReadAt, read_vec};
use crate::le;
use crate::volume::VolumeError;

/// Length of the part that is read; sectors are at least as long.
const BYTES: u64 = 512;
/// Clusters from which a FAT is no longer a FAT12.
const FAT16_FROM: u64 = 4085;
/// Clusters from which a FAT is no longer a FAT16.
const FAT32_FROM: u64 = 65_525;
/// Clusters above which no FAT exists: entries have 28 bits, and some values are reserved.
const MAX_CLUSTERS: u64 = 0x0fff_fff5;
/// Length of a directory entry in bytes.
const ENTRY_BYTES: u64 = 32;
/// Marks that serial number and label follow.
const EXTENDED: [u8; 2] = [0x28, 0x29];
/// Written instead of a label if there is none.
const NO_NAME: &str = "NO NAME";

/// Width of the entries of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Bits12,
    Bits16,
    Bits32,
}

impl Width {
    /// Returns the name of the format.
    pub fn name(self) -> &'static str {
        match self {
            Width::Bits12 => "FAT12",
            Width::Bits16 => "FAT16",
            Width::Bits32 => "FAT32",
        }
    }
}

/// Where the root directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// FAT12 and FAT16: a fixed range.
    Fixed { offset: u64, bytes: u64 },
    /// FAT32: a chain of clusters.
    Chain(u32),
}

/// Where everything is, in bytes from the start of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub width: Width,
    /// Offset of the first table.
    pub table: u64,
    /// Offset of cluster 2, the first.
    pub data: u64,
    pub cluster_bytes: u64,
    /// Number of clusters; they are numbered from 2.
    pub clusters: u64,
    pub root: Root,
    /// The label in the boot sector; empty if there is none.
    pub label: String,
}

/// Reads the boot sector; `None` if it is not that of a FAT.
pub(super) fn read(disk: &impl ReadAt) -> Result<Option<Vec<u8>>, VolumeError> {
    if disk.len() < BYTES {
        return Ok(None);
    }
    let sector = read_vec(disk, 0, BYTES)?;
    Ok(is_fat(&sector).then_some(sector))
}

/// Returns whether all fields have values that a FAT has. There is no magic number: the tests of Linux are used.
fn is_fat(sector: &[u8]) -> bool {
    let byte = |at: usize| sector.get(at).copied().unwrap_or_default();
    let word = |at| le::u16(sector, at).unwrap_or_default();
    matches!(word(11), 512 | 1024 | 2048 | 4096)
        && byte(13).is_power_of_two()
        && word(14) > 0
        && matches!(byte(16), 1..=2)
        && matches!(byte(21), 0xf0 | 0xf8..)
        && (word(19) != 0 || le::u32(sector, 32) != Some(0))
        && (word(22) != 0 || le::u32(sector, 36) != Some(0))
}

impl Geometry {
    /// Reads the fields of a boot sector; all ranges of the result are on a disk of `disk_bytes`.
    pub fn of(sector: &[u8], disk_bytes: u64) -> Result<Geometry, VolumeError> {
        let word = |at| u64::from(le::u16(sector, at).unwrap_or_default());
        let long = |at| u64::from(le::u32(sector, at).unwrap_or_default());
        let byte = |at: usize| u64::from(sector.get(at).copied().unwrap_or_default());
        let damaged = |reason| VolumeError::Damaged { format: "FAT", reason };
        let either = |short: u64, long: u64| if short == 0 { long } else { short };

        let sector_bytes = word(11);
        let cluster_bytes = sector_bytes * byte(13);
        let is_32 = word(22) == 0;
        let table_bytes = either(word(22), long(36)) * sector_bytes;
        let table = word(14) * sector_bytes;
        let fixed = table + byte(16) * table_bytes;
        let root_bytes = (word(17) * ENTRY_BYTES).next_multiple_of(sector_bytes);
        let data = fixed + root_bytes;
        let end = either(word(19), long(32)) * sector_bytes;
        if end > disk_bytes || data > end {
            return Err(damaged(format!(
                "expected tables and data within the disk of {disk_bytes} bytes, found data from {data} to {end}"
            )));
        }
        let clusters = (end - data) / cluster_bytes;
        let width = match (is_32, clusters) {
            (true, ..=MAX_CLUSTERS) => Width::Bits32,
            (false, ..FAT16_FROM) => Width::Bits12,
            (false, ..FAT32_FROM) => Width::Bits16,
            _ => return Err(damaged(format!("too many clusters: {clusters}"))),
        };
        // Every entry of the table is then on the disk, too.
        let bits = (clusters + 2) * [12, 16, 32][width as usize];
        if bits.div_ceil(8) > table_bytes {
            let reason = format!("a table of {table_bytes} bytes is too short for {clusters} clusters");
            return Err(damaged(reason));
        }
        let root = match is_32 {
            true => Root::Chain(le::u32(sector, 44).unwrap_or_default()),
            false => Root::Fixed { offset: fixed, bytes: root_bytes },
        };
        let label = label(sector, if is_32 { 66 } else { 38 });
        Ok(Geometry { width, table, data, cluster_bytes, clusters, root, label })
    }
}

/// Returns the label that follows the mark at `mark`, without padding.
fn label(sector: &[u8], mark: usize) -> String {
    let marked = sector.get(mark).is_some_and(|b| EXTENDED.contains(b));
    let bytes = sector.get(mark + 5..mark + 16).filter(|_| marked).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_owned();
    if text == NO_NAME { String::new() } else { text }
}

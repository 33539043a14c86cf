//! Directory records.

use crate::le;

/// Length of a record without its name.
const FIXED_BYTES: usize = 33;
/// Flags of a record.
const DIRECTORY: u8 = 0x02;
const CONTINUES: u8 = 0x80;

/// How the names of a tree are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// As `NAME.EXT;1`, and in Rock Ridge fields.
    Plain,
    /// In UCS-2, big-endian.
    Joliet,
}

/// A range of the disk in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub at: u64,
    pub bytes: u64,
}

impl Extent {
    /// Reads the extent of a record; `None` if the record is incomplete.
    pub fn of(record: &[u8], block_bytes: u64) -> Option<Extent> {
        let (block, bytes) = (le::u32(record, 2)?, le::u32(record, 10)?);
        Some(Extent { at: u64::from(block) * block_bytes, bytes: u64::from(bytes) })
    }
}

/// A file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub name: String,
    pub is_directory: bool,
    /// Whether the file has further extents.
    pub continues: bool,
    pub extent: Extent,
}

/// A record, and the bytes after its name, where Rock Ridge is.
pub(super) struct Parsed<'a> {
    pub record: Record,
    /// Whether this is the entry of the directory itself or of its parent.
    pub is_dot: bool,
    pub system_use: &'a [u8],
}

/// Reads the record that fills `bytes`; `None` if it is incomplete.
pub(super) fn parse(bytes: &[u8], block_bytes: u64, names: Names) -> Option<Parsed<'_>> {
    let extent = Extent::of(bytes, block_bytes)?;
    let flags = *bytes.get(25)?;
    let name_bytes = usize::from(*bytes.get(FIXED_BYTES - 1)?);
    let name = bytes.get(FIXED_BYTES..FIXED_BYTES + name_bytes)?;
    let system_use = bytes.get((FIXED_BYTES + name_bytes).next_multiple_of(2)..).unwrap_or_default();
    let record = Record {
        name: match names {
            Names::Plain => plain(name),
            Names::Joliet => ucs2(name),
        },
        is_directory: flags & DIRECTORY != 0,
        continues: flags & CONTINUES != 0,
        extent,
    };
    Some(Parsed { record, is_dot: matches!(name, [0 | 1]), system_use })
}

/// Returns a plain name without `;1` and without the full stop of an empty extension.
fn plain(bytes: &[u8]) -> String {
    let name = String::from_utf8_lossy(bytes);
    let name = without_version(&name);
    name.strip_suffix('.').unwrap_or(name).to_owned()
}

fn without_version(name: &str) -> &str {
    name.split_once(';').map_or(name, |(name, _)| name)
}

fn ucs2(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
    without_version(&String::from_utf16_lossy(&units)).to_owned()
}

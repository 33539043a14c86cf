//! Writes a FAT32, or a FAT16 for a medium, with the `hadris-fat` crate over a sparse disk in memory, so a partition of
//! any length takes only the space of its files. No clock: all times are 1980-01-01, the earliest that FAT can store.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;

use hadris_fat::{FatKind, FatOptions, VolumeLabel};
use hadris_fs::{Content, Node, PathError, Tree};
use hadris_io::{Error, ErrorKind, ErrorType};
use hadris_storage::sync::BlockDevice;
use hadris_storage::{BlockIndex, BlockSize};

use crate::disk::{Memory, ReadAt, WriteAt};

use super::FatError;

/// Size of a sector.
const SECTOR_BYTES: u32 = 512;
/// [`SECTOR_BYTES`] for positions.
const SECTOR: u64 = SECTOR_BYTES as u64;

/// The width of the entries. Firmware tells it by the number of clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For less than 32 MiB: firmware has to read it from removable media only (UEFI 2.10, 13.3).
    Fat16,
    /// For at least 34 MiB.
    Fat32,
}

/// Properties of the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The width of its entries.
    pub kind: Kind,
    /// Length of the partition: as its kind requires, and a multiple of 512 bytes.
    pub bytes: u64,
    /// Offset of the partition on its disk, in bytes.
    pub offset: u64,
    /// Serial number of the volume.
    pub serial: u32,
    /// Label, 1 to 11 characters.
    pub label: String,
}

/// Creates a FAT with these files and the directories that they need.
///
/// Paths are relative and `/`-separated, as in `EFI/BOOT/BOOTX64.EFI`. The result is sparse: copy its
/// [`ReadAt::next_data`] ranges.
///
/// # Errors
/// [`FatError::Label`] or [`FatError::Path`] if the label or a path is invalid, [`FatError::Write`] if the
/// partition is too small.
pub fn write(files: BTreeMap<String, Vec<u8>>, options: &Options) -> Result<Memory, FatError> {
    let told = |e: &PathError| FatError::Write { bytes: options.bytes, reason: e.to_string() };
    let label = VolumeLabel::new(&options.label).map_err(|_| FatError::Label(options.label.clone()))?;
    let sound = |path: &&String| path.split('/').all(|part| !["", ".", ".."].contains(&part));
    if let Some(path) = files.keys().find(|path| !sound(path)) {
        return Err(FatError::Path(path.clone()));
    }
    let tree = tree(files).map_err(|e| told(&e))?;
    let mut disk = Device { disk: Memory::new(options.bytes), offset: options.offset };
    let kind = match options.kind {
        Kind::Fat16 => FatKind::Fat16,
        Kind::Fat32 => FatKind::Fat32,
    };
    let wanted = FatOptions::new().with_kind(kind).with_label(label).with_serial(options.serial);
    hadris_fat::sync::write(&mut disk, &tree, &wanted).map_err(|e| told(&e))?;
    Ok(disk.disk)
}

/// Builds the library's tree, directories first.
fn tree(files: BTreeMap<String, Vec<u8>>) -> Result<Tree, PathError> {
    let mut tree = Tree::new();
    for (path, bytes) in files {
        for (slash, _) in path.match_indices('/') {
            let directory = format!("/{}", &path[..slash]);
            if tree.get(&directory).is_none() {
                tree.insert(&directory, Node::dir())?;
            }
        }
        tree.insert(format!("/{path}"), Node::file(Content::bytes(bytes)))?;
    }
    Ok(tree)
}

/// The sparse disk, as the library sees it.
struct Device {
    disk: Memory,
    offset: u64,
}

impl ErrorType for Device {
    type Error = Infallible;
}

impl BlockDevice for Device {
    fn block_size(&self) -> BlockSize {
        BlockSize::new(SECTOR_BYTES).expect("512 is a block size")
    }

    fn block_count(&self) -> u64 {
        self.disk.len() / SECTOR
    }

    fn disk_offset(&self) -> u64 {
        self.offset
    }

    fn writable(&self) -> bool {
        true
    }

    fn read_blocks(&mut self, first: BlockIndex, buf: &mut [u8]) -> Result<(), Error<Infallible>> {
        self.disk.read_exact_at(buf, first.get() * SECTOR).map_err(lost)
    }

    fn write_blocks(&mut self, first: BlockIndex, buf: &[u8]) -> Result<(), Error<Infallible>> {
        self.disk.write_all_at(buf, first.get() * SECTOR).map_err(lost)
    }
}

/// Returns the library's error for a range that exceeds the disk, the only error of a disk in memory.
fn lost(_: io::Error) -> Error<Infallible> {
    Error::new(ErrorKind::InvalidInput, "the range leaves the disk")
}

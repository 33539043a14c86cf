//! An empty ext4, created without `mkfs`: `init` writes it to a partition on first boot.
//!
//! A thin wrapper around the `mkext4` crate: 4096-byte blocks, 32-bit, with journal and metadata checksums,
//! one set of features. No clock and no random numbers: UUID and time come from the caller.

mod used;

use std::io;
use std::ops::Range;

use mkext4::build::{Meta, ROOT};
use mkext4::{FsBuilder, RegionSink};

use crate::disk::{Memory, ReadAt, WriteAt, read_vec};

/// Size of a block; the length of the partition is rounded down to whole blocks.
const BLOCK_BYTES: u64 = 4096;
/// Bytes written at once.
const WRITE_BYTES: u64 = 1 << 20;
/// Size of the smallest file system with a journal.
const MIN_BYTES: u64 = 16 << 20;

/// Properties of the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of the partition in bytes.
    pub bytes: u64,
    /// UUID.
    pub uuid: [u8; 16],
    /// Label, at most 16 bytes.
    pub label: String,
    /// Time of creation, in seconds since 1970.
    pub epoch_secs: i64,
}

/// Why no file system was created.
#[derive(Debug, thiserror::Error)]
pub enum Ext4Error {
    /// The partition is too small.
    #[error("making ext4 in {0} bytes: expected at least 16777216")]
    TooSmall(u64),
    /// The options contradict each other.
    #[error("making ext4 {label:?}: {reason}")]
    Options {
        /// The label, which identifies the partition.
        label: String,
        /// The library's reason.
        reason: String,
    },
    /// Writing to the disk failed.
    #[error("writing ext4")]
    Io(#[from] io::Error),
}

/// Creates an empty file system at the start of `disk`, which is the partition.
///
/// Only blocks in use are written or zeroed, each once: about a sixtieth of the disk, nearly all of it zeros
/// (inode tables), which are fast if the disk can write zeros itself (`BLKZEROOUT`).
///
/// # Errors
/// [`Ext4Error`] if the partition is too small, the options are invalid, or writing fails; the partition has
/// no usable file system then.
pub fn format(disk: &mut impl WriteAt, options: &Options) -> Result<(), Ext4Error> {
    format_with(disk, options, None)
}

/// A file, owned by root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewFile<'a> {
    /// Directory in the root directory, with mode 0755.
    pub directory: &'a str,
    /// Name in it.
    pub name: &'a str,
    /// Permission bits.
    pub mode: u16,
    /// Content.
    pub bytes: &'a [u8],
}

/// As [`format()`], with a file in it.
///
/// # Errors
/// Those of [`format()`]; [`Ext4Error::Options`] also if a name is not one.
pub fn format_with(
    disk: &mut impl WriteAt,
    options: &Options,
    file: Option<NewFile<'_>>,
) -> Result<(), Ext4Error> {
    if options.bytes < MIN_BYTES {
        return Err(Ext4Error::TooSmall(options.bytes));
    }
    let bytes = options.bytes - options.bytes % BLOCK_BYTES;
    let mut wanted = mkext4::Options::new(bytes, options.uuid, options.epoch_secs);
    wanted.label = (!options.label.is_empty()).then(|| options.label.clone());
    let told = |error: mkext4::Error| match error {
        mkext4::Error::Io(error) => Ext4Error::Io(error),
        other => Ext4Error::Options { label: options.label.clone(), reason: other.to_string() },
    };
    let mut builder = FsBuilder::new(wanted).map_err(told)?;
    let mut declare = |file: &NewFile<'_>| {
        let meta = |mode| Meta::new(mode, 0, 0, (options.epoch_secs, 0));
        let directory = builder.mkdir(ROOT, file.directory, meta(0o755))?;
        builder.file(directory, file.name, meta(file.mode), file.bytes.len() as u64)
    };
    let handle = file.as_ref().map(&mut declare).transpose().map_err(told)?;
    let layout = builder.seal().map_err(told)?;
    let mut planned = Sink(Memory::new(bytes));
    let mut writer = layout.writer(&mut planned).map_err(told)?;
    if let Some((handle, file)) = handle.zip(file) {
        writer.fill(handle, &mut &file.bytes[..]).map_err(told)?;
    }
    writer.finish().map_err(told)?;
    used::visit_used(&planned.0, |range| copy(&planned.0, range, disk))?;
    Ok(())
}

/// Copies a range: blocks that are allocated in memory are written, the others are zeroed.
fn copy(planned: &Memory, range: Range<u64>, disk: &mut impl WriteAt) -> io::Result<()> {
    let mut at = range.start;
    while at < range.end {
        let data = planned.next_data(at)?.filter(|data| data.start < range.end);
        let data = data.unwrap_or(range.end..range.end);
        if data.start > at {
            disk.zero_at(at, data.start - at)?;
        }
        at = data.start;
        while at < data.end.min(range.end) {
            let length = WRITE_BYTES.min(data.end.min(range.end) - at);
            disk.write_all_at(&read_vec(planned, at, length)?, at)?;
            at += length;
        }
    }
    Ok(())
}

/// A disk in memory, as the library sees it: only data other than zeros takes memory.
struct Sink(Memory);

impl RegionSink for Sink {
    fn data(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn zeros(&mut self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }
}

//! An empty ext4, made without `mkfs`: what `init` puts on a partition on first boot.
//!
//! A thin wrapper over the `mkext4` crate: 4096-byte blocks, 32-bit, with journal and metadata checksums,
//! one feature profile. No clock and no random: UUID and time come from the caller.

use std::io;

use mkext4::{FsBuilder, RegionSink};

use crate::disk::WriteAt;

/// Size of a block; a length is rounded down to whole ones.
const BLOCK_BYTES: u64 = 4096;
/// Smallest file system that has room for its journal.
const MIN_BYTES: u64 = 16 << 20;

/// What the file system is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of the partition.
    pub bytes: u64,
    /// UUID.
    pub uuid: [u8; 16],
    /// Label, at most 16 bytes.
    pub label: String,
    /// Time of creation, in seconds since 1970.
    pub epoch_secs: i64,
}

/// Why no file system was made.
#[derive(Debug, thiserror::Error)]
pub enum Ext4Error {
    /// The partition is too small.
    #[error("making ext4 in {0} bytes: expected at least 16777216")]
    TooSmall(u64),
    /// The options do not go together.
    #[error("making ext4 {label:?}: {reason}")]
    Options {
        /// The label, to tell partitions apart.
        label: String,
        /// What the library answers.
        reason: String,
    },
    /// The disk failed.
    #[error("writing ext4")]
    Io(#[from] io::Error),
}

/// Makes an empty file system on `disk`, which starts where the partition starts.
///
/// Each byte is written or zeroed exactly once; free space is zeroed too, which costs nothing where the
/// disk can do that itself (`BLKZEROOUT`, a hole in a file).
///
/// # Errors
/// [`Ext4Error`]; the partition has no usable file system then.
pub fn format(disk: &mut impl WriteAt, options: &Options) -> Result<(), Ext4Error> {
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
    let layout = FsBuilder::new(wanted).and_then(FsBuilder::seal).map_err(told)?;
    let mut sink = Sink(disk);
    layout.writer(&mut sink).and_then(mkext4::build::ImageWriter::finish).map_err(told)?;
    Ok(())
}

/// A disk in the terms of the library.
struct Sink<'a, D>(&'a mut D);

impl<D: WriteAt> RegionSink for Sink<'_, D> {
    fn data(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn zeros(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.0.zero_at(offset, length)
    }
}

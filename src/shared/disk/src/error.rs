//! Why a disk can't be arranged.

use std::io;

use formats::fat::FatError;
use formats::gpt::GptError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// A part of the generation is longer than its partition.
    #[error("{part} ends {by} bytes past its partition")]
    TooLong {
        /// Label of the partition.
        part: &'static str,
        /// How far it does not fit.
        by: u64,
    },
    /// The boot loader does not fit into the EFI system partition.
    #[error("writing the EFI system partition: {0}")]
    Esp(#[from] FatError),
    /// The places do not make a partition table.
    #[error("writing the partition table: {0}")]
    Table(#[from] GptError),
    /// A place lies outside the disk.
    #[error("writing {what}: {source}")]
    Write {
        /// What was written.
        what: &'static str,
        /// What the disk answered.
        source: io::Error,
    },
}

impl DiskError {
    /// Returns a function that wraps an I/O error with what was written.
    pub(crate) fn write(what: &'static str) -> impl FnOnce(io::Error) -> DiskError {
        move |source| DiskError::Write { what, source }
    }
}

//! Why a disk can't be laid out.

use std::io;

use formats::fat::FatError;
use formats::gpt::GptError;

/// Why a disk can't be laid out.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// A part of the generation is longer than its partition.
    #[error("{part} ends {by} bytes past its partition")]
    TooLong {
        /// Label of the partition.
        part: &'static str,
        /// By how many bytes it is too long.
        by: u64,
    },
    /// The boot loader does not fit into the EFI system partition.
    #[error("writing the EFI system partition: {0}")]
    Esp(#[from] FatError),
    /// The layout is not a valid partition table.
    #[error("writing the partition table: {0}")]
    Table(#[from] GptError),
    /// The contents are too long for an installation medium.
    #[error("an installation medium ends after 8 TiB")]
    Medium,
    /// Writing beyond the end of the disk.
    #[error("writing {what}: {source}")]
    Write {
        /// What was written.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl DiskError {
    /// Returns a function that adds what was written to an I/O error.
    pub(crate) fn write(what: &'static str) -> impl FnOnce(io::Error) -> DiskError {
        move |source| DiskError::Write { what, source }
    }
}

//! FAT: the EFI system partition that we write, and any FAT12, FAT16 or FAT32 that we are handed.
//!
//! The two are apart: [`write()`] makes one kind of volume, with a crate, on the builder's machine; [`Volume`] reads what
//! others made, with nothing but this crate, on a node too.

#[cfg(feature = "fat")]
mod reader;
mod volume;
#[cfg(feature = "fat")]
mod writer;

#[cfg(feature = "fat")]
pub use reader::read;
pub use volume::Volume;
#[cfg(feature = "fat")]
pub use writer::{Kind, Options, write};

/// Why a file system can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// The label does not fit.
    #[error("label {0:?}: expected 1 to 11 ASCII characters that FAT allows")]
    Label(String),
    /// The path is not a valid relative path.
    #[error("path {0:?}: expected a relative path without '.' and '..' and without empty parts")]
    Path(String),
    /// A file can't be added, or the partition is too small for all of them.
    #[error("writing a FAT of {bytes} bytes: {reason}")]
    Write {
        /// Length of the partition in bytes.
        bytes: u64,
        /// The library's reason, with the path if it is about a file.
        reason: String,
    },
    /// A file can't be read.
    #[error("reading {path:?} of a FAT: {reason}")]
    Read {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

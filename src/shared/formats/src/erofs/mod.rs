//! EROFS, uncompressed: the read-only root file system.
//!
//! Written with blocks of 4096 bytes, compact inodes where owner, size and links fit, tails of files
//! in the inode's block, extended attributes with the inode, one time for all. Left out: compression,
//! chunked files, several devices, shared extended attributes, long attribute prefixes. Format: the
//! kernel's `fs/erofs/erofs_fs.h`, as understood by Linux 5.4 and later.

mod dump;
mod format;
mod layout;
mod reader;
mod tree;
mod writer;

use std::io;

pub use dump::dump;
pub use reader::{Entry, EntryKind, Reader};
pub use writer::{Options, write};

/// Why a file system can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ErofsError {
    /// Writing the output, or reading the disk, failed.
    #[error("reading or writing a file system image")]
    Io(#[from] io::Error),
    /// A file can't be read.
    #[error("reading {path:?} into the file system")]
    Source {
        /// Path in the tree.
        path: String,
        /// The source's error.
        #[source]
        error: io::Error,
    },
    /// A file is shorter or longer than announced.
    #[error("reading {path:?} into the file system: its length is no longer {expected} bytes")]
    Length {
        /// Path in the tree.
        path: String,
        /// Length by [`crate::tree::Source::len`].
        expected: u64,
    },
    /// The target of a hard link does not exist, or is not a regular file.
    #[error("hard link {path:?}: target {target:?} is not a regular file of the tree")]
    Hardlink {
        /// Path of the link.
        path: String,
        /// Its target.
        target: String,
    },
    /// The format does not support something in the tree.
    #[error("{path:?}: {what} is {found}, expected {expected}")]
    Unfit {
        /// Path in the tree.
        path: String,
        /// What does not fit.
        what: &'static str,
        /// Its value.
        found: String,
        /// What the format supports.
        expected: &'static str,
    },
    /// An image is malformed, or uses features that this reader does not support.
    #[error("parsing EROFS at byte {at}: {what} is {found}, expected {expected}")]
    Corrupt {
        /// Byte offset of the structure in the image.
        at: u64,
        /// The structure or field.
        what: &'static str,
        /// Its value.
        found: String,
        /// The expected value.
        expected: &'static str,
    },
}

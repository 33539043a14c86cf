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
    /// The output, or the disk that is read, failed.
    #[error("reading or writing a file system image")]
    Io(#[from] io::Error),
    /// The bytes of a file could not be had.
    #[error("reading {path:?} into the file system")]
    Source {
        /// Path in the tree.
        path: String,
        /// What its source answered.
        #[source]
        error: io::Error,
    },
    /// A file gave fewer or more bytes than it said.
    #[error("reading {path:?} into the file system: its length is no longer {expected} bytes")]
    Length {
        /// Path in the tree.
        path: String,
        /// Length by [`crate::tree::Source::len`].
        expected: u64,
    },
    /// A hard link leads nowhere, or to something that is no regular file.
    #[error("hard link {path:?}: target {target:?} is not a regular file of the tree")]
    Hardlink {
        /// Path of the link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// Something in the tree has no place in the format.
    #[error("{path:?}: {what} is {found}, expected {expected}")]
    Unfit {
        /// Path in the tree.
        path: String,
        /// What does not fit.
        what: &'static str,
        /// Its value.
        found: String,
        /// What the format can hold.
        expected: &'static str,
    },
    /// An image that is not as the format says, or uses what this reader leaves out.
    #[error("parsing EROFS at byte {at}: {what} is {found}, expected {expected}")]
    Corrupt {
        /// Byte offset of the structure in the image.
        at: u64,
        /// What is off.
        what: &'static str,
        /// What stands there.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
}

//! cpio "newc": the initrd, uncompressed. Only written: the kernel is the reader.
//!
//! Inode numbers count up in the order of the tree, so two runs give the same bytes. Extended
//! attributes have no place in the format. Format: the kernel's driver-api/early-userspace/buffer-format.

mod writer;

use std::io;

pub use writer::write;

/// Why an archive can't be written.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// The output failed.
    #[error("writing an initrd")]
    Io(#[from] io::Error),
    /// The bytes of a file could not be had, or were not as many as announced.
    #[error("reading {path:?} into the initrd")]
    Source {
        /// Path in the tree.
        path: String,
        /// What its source answered.
        #[source]
        error: io::Error,
    },
    /// The file is 4 GiB or longer.
    #[error("{path:?}: its length is {bytes} bytes, the format holds at most 4294967295")]
    TooLong {
        /// Path in the tree.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// A hard link leads nowhere, or to something that is no regular file.
    #[error("hard link {path:?}: target {target:?} is not a regular file of the tree")]
    Hardlink {
        /// Path of the link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// The node has extended attributes, which would be lost.
    #[error("{path:?}: has extended attributes, which an initrd can't hold")]
    Xattrs {
        /// Path in the tree.
        path: String,
    },
}

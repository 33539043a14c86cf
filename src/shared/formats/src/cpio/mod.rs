//! cpio "newc": the initrd, uncompressed. Only written here; the reader is the kernel.
//!
//! Inodes are numbered in the order of the tree, so two runs give the same bytes. The format does not support
//! extended attributes. Format: the kernel's driver-api/early-userspace/buffer-format.

mod writer;

use std::io;

pub use writer::write;

/// Why an archive can't be written.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// Writing the output failed.
    #[error("writing an initrd")]
    Io(#[from] io::Error),
    /// A file can't be read, or its length is not the announced one.
    #[error("reading {path:?} into the initrd")]
    Source {
        /// Path in the tree.
        path: String,
        /// The source's error.
        #[source]
        error: io::Error,
    },
    /// The file is 4 GiB or longer.
    #[error("{path:?}: its length is {bytes} bytes, the format holds at most 4294967295")]
    TooLong {
        /// Path in the tree.
        path: String,
        /// Its length in bytes.
        bytes: u64,
    },
    /// The target of a hard link does not exist, or is not a regular file.
    #[error("hard link {path:?}: target {target:?} is not a regular file of the tree")]
    Hardlink {
        /// Path of the link.
        path: String,
        /// Its target.
        target: String,
    },
    /// The node has extended attributes, which would be lost.
    #[error("{path:?}: has extended attributes, which an initrd can't hold")]
    Xattrs {
        /// Path in the tree.
        path: String,
    },
}

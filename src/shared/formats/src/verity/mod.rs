//! dm-verity: the hash tree behind a root, its superblock, and the table that activates it.
//!
//! One profile only: superblock version 1, hash type 1 (salt before block), SHA-256, blocks of 4096
//! bytes for data and hashes, a salt of 32 bytes, tree behind the superblock. No forward error
//! correction. Format: cryptsetup's wiki page "DMVerity" and the kernel's admin-guide/device-mapper/verity.
//! Byte-identical to `veritysetup format` with the same salt and UUID.

mod format;
mod length;
mod table;

#[cfg(feature = "builder")]
mod dump;
#[cfg(feature = "verify")]
mod reader;
#[cfg(feature = "verify")]
mod writer;

use std::io;

#[cfg(feature = "builder")]
pub use dump::dump;
pub use format::{BLOCK_BYTES, Superblock};
pub use length::root_bytes;
#[cfg(feature = "verify")]
pub use reader::verify;
pub use table::{data_sectors, table};
#[cfg(feature = "verify")]
pub use writer::{Hasher, Verity};

/// Why a tree can't be made, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// The disk or the output failed.
    #[error("reading or writing verity data")]
    Io(#[from] io::Error),
    /// The data is empty or no whole number of blocks.
    #[error("hashing {0} bytes: expected a multiple of 4096, at least 4096")]
    DataLength(u64),
    /// The superblock is not one, or not of our profile.
    #[error("parsing verity superblock: {field} is {found}, expected {expected}")]
    Superblock {
        /// The field that is off.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A data block does not have the digest in the tree.
    #[error("verifying data block {block}: its digest is not the one in the tree")]
    Block {
        /// Index of the first such block.
        block: u64,
    },
    /// The stored tree is not the tree of its own leaves.
    #[error("verifying hash block {block}: it differs from the tree of the data")]
    Tree {
        /// Index of the first such block, from the start of the tree.
        block: u64,
    },
    /// The data and the tree agree, but under another root.
    #[error("verifying root: root hash is {found}, expected {expected}")]
    Root {
        /// Root hash of the data.
        found: String,
        /// Root hash that was asked for.
        expected: String,
    },
}

/// Returns `bytes` as lower-case hex digits.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

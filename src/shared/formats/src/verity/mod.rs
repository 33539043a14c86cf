//! dm-verity: the hash tree after a root, its superblock, and the table that activates it.
//!
//! One set of parameters: superblock version 1, hash type 1 (salt before block), SHA-256, blocks of 4096
//! bytes for data and hashes, a salt of 32 bytes, tree after the superblock. No forward error correction.
//! Format: cryptsetup's wiki page "DMVerity" and the kernel's admin-guide/device-mapper/verity.
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

/// Why a tree can't be made, read or verified.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// Reading the disk or writing the output failed.
    #[error("reading or writing verity data")]
    Io(#[from] io::Error),
    /// The length of the data is 0 or not a multiple of the block size.
    #[error("hashing {0} bytes: expected a multiple of 4096, at least 4096")]
    DataLength(u64),
    /// The superblock is malformed or has unsupported values.
    #[error("parsing verity superblock: {field} is {found}, expected {expected}")]
    Superblock {
        /// The invalid field.
        field: &'static str,
        /// Its value.
        found: String,
        /// The expected value.
        expected: &'static str,
    },
    /// A data block does not have the digest in the tree.
    #[error("verifying data block {block}: its digest is not the one in the tree")]
    Block {
        /// Index of the first such block.
        block: u64,
    },
    /// The stored tree differs from the tree computed from the data.
    #[error("verifying hash block {block}: it differs from the tree of the data")]
    Tree {
        /// Index of the first such block, from the start of the tree.
        block: u64,
    },
    /// The data and the tree match, but have another root hash.
    #[error("verifying root: root hash is {found}, expected {expected}")]
    Root {
        /// Root hash of the data.
        found: String,
        /// The expected root hash.
        expected: String,
    },
}

/// Returns `bytes` as lower-case hex digits.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

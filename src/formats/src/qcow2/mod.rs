//! qcow2 version 3 with zlib-compressed clusters of 64 KiB: what a cloud or QEMU takes as a disk.
//!
//! Written in parallel and always the same; read back by [`Reader`], which knows no backing files,
//! snapshots, encryption, external data or zstd. Spec: QEMU's `docs/interop/qcow2.txt`.

mod dump;
mod format;
mod reader;
mod writer;

use std::io;

pub use dump::dump;
pub use reader::Reader;
pub use writer::{Options, write};

/// Why an image can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Qcow2Error {
    /// The input or the output failed.
    #[error("reading or writing a qcow2 image")]
    Io(#[from] io::Error),
    /// The disk is longer than is believed.
    #[error("disk is {0} bytes long, at most 64 TiB are supported")]
    TooLong(u64),
    /// An image that is no qcow2, or uses what the reader leaves out.
    #[error("parsing qcow2: {what} is {found}, expected {expected}")]
    Unsupported {
        /// What is off.
        what: &'static str,
        /// Its value.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
}

//! Why user-data can't be used.

use std::path::PathBuf;

/// Why user-data can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user-data can't be read.
    #[error("reading user-data {}: {source}", path.display())]
    Read {
        /// Where the user-data is.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The user-data is too long; none of it is used.
    #[error("reading user-data {}: expected at most {limit} bytes, found more", path.display())]
    TooLong {
        /// Where the user-data is.
        path: PathBuf,
        /// Maximum length in bytes.
        limit: usize,
    },
    /// The user-data is not UTF-8 text.
    #[error("reading user-data {}: expected UTF-8 text, found byte {byte:#04x} at offset {offset}", path.display())]
    NotText {
        /// Where the user-data is.
        path: PathBuf,
        /// The first invalid byte.
        byte: u8,
        /// Offset of that byte.
        offset: usize,
    },
    /// The user-data is empty.
    #[error("reading user-data {}: it is empty", path.display())]
    Empty {
        /// Where the user-data is.
        path: PathBuf,
    },
    /// The user-data is meant for another operating system.
    #[error("reading user-data {}: this is for Fedora CoreOS\nhint: give the node's documents as {ours}", path.display())]
    Foreign {
        /// Where the user-data is.
        path: PathBuf,
        /// The name it should have.
        ours: &'static str,
    },
}

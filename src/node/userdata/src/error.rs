//! Why user-data can't be used.

use std::path::PathBuf;

/// Why user-data can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is there but can't be read.
    #[error("reading user-data {}: {source}", path.display())]
    Read {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is too long; nothing of it is used.
    #[error("reading user-data {}: expected at most {limit} bytes, found more", path.display())]
    TooLong {
        /// Where it is.
        path: PathBuf,
        /// How long it may be.
        limit: usize,
    },
    /// It is no text.
    #[error("reading user-data {}: expected UTF-8 text, found byte {byte:#04x} at offset {offset}", path.display())]
    NotText {
        /// Where it is.
        path: PathBuf,
        /// The first wrong byte.
        byte: u8,
        /// Where it stands.
        offset: usize,
    },
    /// It is there but empty.
    #[error("reading user-data {}: it is empty", path.display())]
    Empty {
        /// Where it is.
        path: PathBuf,
    },
    /// User-data for another system.
    #[error("reading user-data {}: this is for Fedora CoreOS\nhint: give the node's documents as {ours}", path.display())]
    Foreign {
        /// Where it is.
        path: PathBuf,
        /// What it should be called.
        ours: &'static str,
    },
}

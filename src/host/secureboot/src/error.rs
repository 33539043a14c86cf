//! Why keys can't be created, read or used.

use std::io;
use std::path::PathBuf;

use formats::authenticode::AuthenticodeError;
use formats::efivar::StoreError;

/// The result of every function of this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why keys can't be created, read or used. [`Error::hint`] is the remedy, if there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on a file or directory failed.
    #[error("{doing} {}: {source}", .path.display())]
    File {
        /// The attempted action, as a gerund.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The files of the keys can't be written.
    #[error("making keys: {0}")]
    Files(#[from] files::Error),
    /// A key or certificate can't be read.
    #[error(transparent)]
    Pem(files::Error),
    /// A key or certificate can't be made.
    #[error("making {what}: {reason}")]
    Make {
        /// The key or certificate.
        what: String,
        /// The library's reason.
        reason: String,
    },
    /// A file does not contain the expected kind of key or certificate.
    #[error("reading {what} {}: {reason}", .path.display())]
    Read {
        /// `key`, `certificate` or `signed update`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// Key and certificate do not belong together.
    #[error("reading key {}: it is not the key of {}", .key.display(), .certificate.display())]
    OtherKey {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// A program can't be signed.
    #[error(transparent)]
    Program(#[from] AuthenticodeError),
    /// Keys can't be enrolled.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signing failed.
    #[error("signing: {0}")]
    Sign(String),
}

impl Error {
    /// Returns the remedy, if there is one that the message does not contain.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::Read { what: "key", .. } => {
                Some("expected an RSA key of 2048 to 4096 bits, PEM, \"BEGIN PRIVATE KEY\"")
            }
            Error::File { path, .. } if path.extension().is_some_and(|e| e == "auth") => {
                Some("make the keys by `ironhull keys create DIR`")
            }
            _ => None,
        }
    }
}

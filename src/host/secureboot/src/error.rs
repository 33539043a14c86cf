//! Why keys can't be created, read or used.

use std::io;
use std::path::PathBuf;

use formats::authenticode::AuthenticodeError;
use formats::efivar::StoreError;

/// What all functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. The remedy, where there is one, is [`Error::hint`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory did not do what was asked of it.
    #[error("{doing} {}: {source}", .path.display())]
    File {
        /// What was tried, as a gerund.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The keys can't be written.
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
        /// What the library says.
        reason: String,
    },
    /// A file holds no key or certificate of the kind expected.
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
    /// The key did not sign.
    #[error("signing: {0}")]
    Sign(String),
}

impl Error {
    /// Returns the remedy, if there is a known one that the text does not already hold.
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

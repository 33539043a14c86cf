//! Why a bundle can't be created, read or trusted.

use std::io;

use crate::key::PublicKey;
use crate::kind::Kind;

/// Why a bundle can't be created, read or trusted. [`BundleError::hint`] is the remedy, if there is one.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Reading the input or writing the output failed.
    #[error("{doing}: {source}")]
    Io {
        /// The attempted action, as a gerund.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The bundle ends too early.
    #[error("reading the bundle: it ends within the {0}")]
    Truncated(&'static str),
    /// There is data after the last part.
    #[error("reading the bundle: expected its end after the last part, found more")]
    Trailing,
    /// A field has an invalid value.
    #[error("reading the bundle: {what} is {found}, expected {expected}")]
    Malformed {
        /// The field.
        what: &'static str,
        /// Its value.
        found: String,
        /// The expected value.
        expected: &'static str,
    },
    /// The manifest is malformed.
    #[error("parsing the manifest: {0}")]
    Manifest(serde_json::Error),
    /// Too few trusted keys have signed the manifest.
    #[error(
        "verifying the bundle: {valid} signatures by keys of set version {version}, expected {threshold} or more; \
         {unknown} by other keys"
    )]
    TooFewSignatures {
        /// Number of valid signatures by keys of the set.
        valid: usize,
        /// Number of signatures required.
        threshold: usize,
        /// Signatures by keys that are not in the set; they were not verified.
        unknown: usize,
        /// Version of the key set.
        version: u32,
    },
    /// A trusted key's signature is not valid for this manifest.
    #[error("verifying the bundle: the signature by key {key} does not match the manifest")]
    BadSignature {
        /// The key.
        key: PublicKey,
    },
    /// The bundle contains a key set that can't replace the current one.
    #[error("verifying the bundle: its key set {what}")]
    KeySet {
        /// What is wrong with it.
        what: String,
    },
    /// Bytes do not match their hash in the manifest.
    #[error("reading the bundle: the {what} of the {part} does not match its SHA-256 in the manifest")]
    Damaged {
        /// The part.
        part: Kind,
        /// `index`, `frame` or `content`.
        what: &'static str,
    },
    /// A frame does not decompress to the expected length.
    #[error("unpacking the {part}: frame {frame}: {reason}")]
    Frame {
        /// The part.
        part: Kind,
        /// The frame, from 0.
        frame: u64,
        /// What is wrong.
        reason: String,
    },
    /// A part was read after the last one, or the end before it.
    #[error("reading the bundle: expected {expected}")]
    Order {
        /// What comes next.
        expected: &'static str,
    },
    /// A key file is malformed.
    #[error("reading a {what}: {reason}")]
    Key {
        /// `private key`, `public key` or `key set`.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A key has already signed the bundle.
    #[error("signing the bundle: key {0} has signed it already")]
    SignedTwice(PublicKey),
    /// A limit of the format is exceeded.
    #[error("writing the bundle: {what} is {found}, expected {most} at most")]
    TooMuch {
        /// The quantity.
        what: &'static str,
        /// Its value.
        found: u64,
        /// Its maximum.
        most: u64,
    },
}

impl BundleError {
    /// Returns the remedy, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            BundleError::Truncated(_) | BundleError::Damaged { .. } | BundleError::Trailing => {
                Some("fetch the bundle again and compare its SHA-256 with the publisher's")
            }
            BundleError::TooFewSignatures { .. } => {
                Some("let more keys of the set sign it: ironhull bundle sign FILE --key KEY")
            }
            BundleError::BadSignature { .. } => {
                Some("the manifest was changed after it was signed: do not use it, fetch the bundle again")
            }
            BundleError::Key { what: "private key", .. } => Some("ironhull bundle keygen NAME makes one"),
            _ => None,
        }
    }

    /// Returns a function that adds the attempted action to an I/O error.
    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> BundleError {
        move |source| BundleError::Io { doing, source }
    }

    /// Returns a function that converts an error of reading `what`; an unexpected end becomes
    /// [`BundleError::Truncated`].
    pub(crate) fn reading(what: &'static str) -> impl Fn(io::Error) -> BundleError {
        move |source| match source.kind() {
            io::ErrorKind::UnexpectedEof => BundleError::Truncated(what),
            _ => BundleError::Io { doing: "reading the bundle", source },
        }
    }

    /// Returns the error for an invalid field.
    pub(crate) fn off(what: &'static str, found: impl ToString, expected: &'static str) -> BundleError {
        BundleError::Malformed { what, found: found.to_string(), expected }
    }
}

//! Why an update fails.

use std::io;
use std::path::{Path, PathBuf};

use bundle::{BundleError, Kind};
use formats::uki::UkiError;
use formats::verity::VerityError;

use crate::kubernetes::Skew;

/// Why an update failed. [`UpdateError::hint`] is the remedy, if there is one.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// A file on the node can't be used.
    #[error("{doing} {path}: {source}", path = path.display())]
    File {
        /// The attempted action, as a gerund.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The node has no key set, so it can't verify bundles.
    #[error("verifying the bundle: this node's image has no update keys")]
    NoKeys,
    /// A part of an upload does not start where the received bytes end.
    #[error("receiving the bundle: piece at byte {found}, expected one at {expected}")]
    Piece {
        /// Number of bytes received so far.
        expected: u64,
        /// Offset of the part that was sent.
        found: u64,
    },
    /// More bytes arrive than were announced.
    #[error("receiving the bundle: {found} bytes arrived, expected {expected}")]
    TooMuch {
        /// The announced length in bytes.
        expected: u64,
        /// The length in bytes that the bundle would have.
        found: u64,
    },
    /// Not enough space for the bundle.
    #[error("receiving the bundle: it needs {needed} bytes on the data partition, which has {free} free")]
    NoRoom {
        /// The bytes still to come, plus a reserve.
        needed: u64,
        /// Free bytes.
        free: u64,
    },
    /// Not a valid bundle, or its signatures are not trusted.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle changed between verification and installation.
    #[error("verifying the bundle: it was replaced after it was verified")]
    Exchanged,
    /// The node must not accept the bundle.
    #[error("{0}")]
    Refused(#[from] bundle::Refusal),
    /// The Kubernetes version skew policy forbids the step.
    #[error("{0}")]
    Kubernetes(#[from] Skew),
    /// The boot record does not allow it; `init` states the reason.
    #[error("{message}")]
    Slots {
        /// The reason, in one line.
        message: String,
        /// The remedy.
        hint: String,
    },
    /// The upgrade was cancelled.
    #[error("cancelled")]
    CalledOff,
    /// Reading or writing a partition of the slot failed.
    #[error("{doing} the {part} partition of the inactive slot: {source}")]
    Device {
        /// The attempted action, as a gerund.
        doing: &'static str,
        /// The part of the bundle that the partition holds.
        part: Kind,
        /// The cause.
        source: io::Error,
    },
    /// The kernel image read back from the slot is not the one that was written.
    #[error("reading the kernel image back: sha256 is {found}, expected {expected}")]
    KernelDiffers {
        /// The digest in the manifest.
        expected: bundle::Hash,
        /// The digest of what the disk holds.
        found: bundle::Hash,
    },
    /// The root read back from the slot is not the one that was written.
    #[error("reading the root back: {0}")]
    RootDiffers(VerityError),
    /// The kernel image is not a valid UKI.
    #[error("reading the kernel image back: {0}")]
    Uki(#[from] UkiError),
    /// The command line of the kernel image does not match the root.
    #[error("reading the kernel image back: {0}")]
    CommandLine(String),
}

impl UpdateError {
    /// Returns the remedy, if there is a known one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            UpdateError::NoKeys => Some(
                "build images with `updateKeys` in the profile; this node needs a new installation"
                    .to_owned(),
            ),
            UpdateError::NoRoom { .. } => Some("free some space, or use a larger disk".to_owned()),
            UpdateError::Bundle(e) => e.hint().map(str::to_owned),
            UpdateError::Refused(e) => Some(e.hint()),
            UpdateError::Kubernetes(e) => Some(e.hint().to_owned()),
            UpdateError::Slots { hint, .. } => Some(hint.clone()),
            UpdateError::KernelDiffers { .. } | UpdateError::RootDiffers(_) => {
                Some("try again; if it fails again the disk is not to be trusted".to_owned())
            }
            _ => None,
        }
    }

    /// Returns whether the bundle itself is invalid, so that the received bytes can be discarded. An expired
    /// bundle is kept: the node's clock may be wrong.
    #[must_use]
    pub fn is_about_the_bundle(&self) -> bool {
        match self {
            UpdateError::Bundle(BundleError::Io { .. })
            | UpdateError::Refused(bundle::Refusal::Expired { .. }) => false,
            UpdateError::Bundle(_) | UpdateError::Refused(_) | UpdateError::Kubernetes(_) => true,
            UpdateError::Uki(_) | UpdateError::CommandLine(_) | UpdateError::TooMuch { .. } => true,
            _ => false,
        }
    }

    /// Returns a function that adds the attempted action and the file to an I/O error.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UpdateError {
        let path = path.to_owned();
        move |source| UpdateError::File { doing, path, source }
    }

    /// Returns a function that adds the attempted action and the partition to an I/O error.
    pub(crate) fn device(doing: &'static str, part: Kind) -> impl Fn(io::Error) -> UpdateError {
        move |source| UpdateError::Device { doing, part, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_clock_says_is_not_about_the_bundle() {
        let refused = |refusal| UpdateError::Refused(refusal).is_about_the_bundle();
        assert!(!refused(bundle::Refusal::Expired { expires: 1, now: 2 }));
        assert!(refused(bundle::Refusal::EpochOlder { floor: 2, found: 1 }));
    }
}

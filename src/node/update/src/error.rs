//! Why an update fails.

use std::io;
use std::path::{Path, PathBuf};

use bundle::{BundleError, Kind};
use formats::uki::UkiError;
use formats::verity::VerityError;

use crate::kubernetes::Skew;

/// What can go wrong. The remedy, where there is one, is [`UpdateError::hint`].
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// A file of the node can't be used.
    #[error("{doing} {path}: {source}", path = path.display())]
    File {
        /// What was tried, as a gerund.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The node has no keys to believe a bundle by.
    #[error("verifying the bundle: this node's image has no update keys")]
    NoKeys,
    /// A piece of an upload does not follow those that are here.
    #[error("receiving the bundle: piece at byte {found}, expected one at {expected}")]
    Piece {
        /// Bytes that are here.
        expected: u64,
        /// Where the piece belongs.
        found: u64,
    },
    /// More arrives than was announced.
    #[error("receiving the bundle: {found} bytes arrived, expected {expected}")]
    TooMuch {
        /// What was announced.
        expected: u64,
        /// What would be there.
        found: u64,
    },
    /// There is no room for the bundle.
    #[error("receiving the bundle: it needs {needed} bytes on the data partition, which has {free} free")]
    NoRoom {
        /// Bytes that are missing yet, and a reserve.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The bundle is none, or not to be believed.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle is another one than a moment ago.
    #[error("verifying the bundle: it was replaced after it was verified")]
    Exchanged,
    /// The node must not take it.
    #[error("{0}")]
    Refused(#[from] bundle::Refusal),
    /// Kubernetes does not allow the step.
    #[error("{0}")]
    Kubernetes(#[from] Skew),
    /// The slots do not allow it; `init` says why.
    #[error("{message}")]
    Slots {
        /// Why, in one line.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// Somebody wants no more.
    #[error("cancelled")]
    CalledOff,
    /// A partition of the slot failed.
    #[error("{doing} the {part} partition of the inactive slot: {source}")]
    Device {
        /// What was tried, as a gerund.
        doing: &'static str,
        /// Which part.
        part: Kind,
        /// What the system answered.
        source: io::Error,
    },
    /// What was read back is not what was written.
    #[error("reading the kernel image back: sha256 is {found}, expected {expected}")]
    KernelDiffers {
        /// By the manifest.
        expected: bundle::Hash,
        /// On the disk.
        found: bundle::Hash,
    },
    /// What was read back is not what was written.
    #[error("reading the root back: {0}")]
    RootDiffers(VerityError),
    /// The kernel image is no program of the firmware.
    #[error("reading the kernel image back: {0}")]
    Uki(#[from] UkiError),
    /// The kernel image does not belong to the root.
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

    /// Returns whether the bundle itself is no good: what arrived of it is of no use any more. One that expired
    /// may only be judged by a wrong clock.
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

    /// Returns a function that wraps an I/O error with what was tried on which file.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UpdateError {
        let path = path.to_owned();
        move |source| UpdateError::File { doing, path, source }
    }

    /// Returns a function that wraps an I/O error with what was tried on which partition.
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

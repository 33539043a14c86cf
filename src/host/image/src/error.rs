//! Why an image can't be built or read.

use std::io;
use std::path::PathBuf;

use formats::tree::TreeError;

/// What the overlay of an image may not have.
pub(crate) const NO_SPECIAL_BITS: &str = "no set-user-ID, set-group-ID or sticky bit";
/// What a file of the overlay may not have.
pub(crate) const NO_CAPABILITIES: &str = "no capabilities";

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
    /// A file that the user named can't be written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// An input could not be had.
    #[error(transparent)]
    Input(#[from] inputs::Error),
    /// A key of Secure Boot can't be read or does not sign.
    #[error(transparent)]
    SecureBoot(#[from] secureboot::Error),
    /// The key set for upgrade bundles is none.
    #[error("reading update keys {}: {source}", .path.display())]
    UpdateKeys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: bundle::BundleError,
    },
    /// Two parts of the root do not go together.
    #[error("assembling the root: {0}")]
    Tree(#[from] TreeError),
    /// A package does not go together with the packages before it.
    #[error("adding package {package} to the root: {source}")]
    Package {
        /// Its name.
        package: String,
        /// Where they meet.
        source: TreeError,
    },
    /// An overlay holds something that can't be in an image.
    #[error("reading overlay {}: expected {expected}, found {found}", .path.display())]
    Overlay {
        /// The path on the host.
        path: PathBuf,
        /// What can be there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// An overlay has a directory where the root has something else, or the reverse.
    #[error("copying {} over the root: expected {expected} at /{place}, found {found}", .path.display())]
    OverlayConflict {
        /// The path on the host.
        path: PathBuf,
        /// The path in the root.
        place: String,
        /// What goes together with what the overlay has.
        expected: &'static str,
        /// What the root has.
        found: String,
    },
    /// A part of a slot is too large.
    #[error("{part} is {bytes} bytes, expected at most {limit}: {percent} % of its {mib} MiB")]
    TooLarge {
        /// `root` or `kernel`.
        part: &'static str,
        /// What it has.
        bytes: u64,
        /// What it may have.
        limit: u64,
        /// The share of the place that may be filled.
        percent: u64,
        /// Size of its partition.
        mib: u64,
        /// The profile key that says how large the partition is.
        key: &'static str,
    },
    /// A format can't be written or read.
    #[error("{doing}: {source}")]
    Format {
        /// What was tried, as a gerund.
        doing: &'static str,
        /// What the format says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The parts do not make a disk.
    #[error("laying out the disk: {0}")]
    Disk(#[from] disk::DiskError),
    /// What the profile asks for is not what the inputs have.
    #[error("profile {profile}: requires Kubernetes {expected}, rootfs/components/kubernetes pins {found}")]
    Kubernetes {
        /// The profile.
        profile: String,
        /// What it asks for.
        expected: String,
        /// What is pinned.
        found: String,
    },
    /// A file that is no Ironhull image.
    #[error("reading image {}: {reason}", .path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
}

impl Error {
    /// Returns the remedy, if there is a known one that the text does not already hold.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::TooLarge { part, key, .. } => {
                Some(format!("give the {part} more room with `{key}` in the profile"))
            }
            Error::Kubernetes { found, .. } => Some(format!("write `kubernetes: {{ version: {found} }}`")),
            Error::UpdateKeys { .. } => {
                Some("make one with `ironhull bundle keyset KEY.pub > FILE`".to_owned())
            }
            Error::Overlay { expected, .. } if *expected == NO_SPECIAL_BITS => Some(
                "no file of an image lends its owner's rights; `chmod a-s,-t` removes the bits".to_owned(),
            ),
            Error::Overlay { expected, .. } if *expected == NO_CAPABILITIES => {
                Some("services get capabilities from who starts them; `setcap -r` removes them".to_owned())
            }
            Error::SecureBoot(error) => error.hint().map(str::to_owned),
            Error::File { .. } | Error::Format { .. } if is_disk_full(self) => {
                Some("free some space, or write elsewhere with --output".to_owned())
            }
            _ => None,
        }
    }

    /// Returns a function that wraps an I/O error with what was tried on which file.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { doing, path, source }
    }

    /// Returns a function that wraps a format's error with what was tried.
    pub(crate) fn format<E>(doing: &'static str) -> impl FnOnce(E) -> Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Error::Format { doing, source: Box::new(source) }
    }
}

/// Returns whether a full disk is among the causes; a format knows nothing of disks and only passes it on.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |e| e.source())
        .filter_map(|e| e.downcast_ref::<io::Error>())
        .any(|e| e.kind() == io::ErrorKind::StorageFull)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_a_remedy_however_deep_it_lies() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let wrapped = Error::file("writing", "a.raw")(full());
        assert!(wrapped.hint().is_some_and(|h| h.contains("--output")));
        let deep = Error::format("writing the qcow2 image")(wrapped);
        assert!(deep.hint().is_some_and(|h| h.contains("--output")));
        assert_eq!(Error::format("reading")(io::Error::from(io::ErrorKind::NotFound)).hint(), None);
    }
}

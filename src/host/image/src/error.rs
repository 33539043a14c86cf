//! Why an image can't be built or read.

use std::io;
use std::path::PathBuf;

use formats::tree::TreeError;

/// What an overlay must not contain.
pub(crate) const NO_SPECIAL_BITS: &str = "no set-user-ID, set-group-ID or sticky bit";
/// What a file of an overlay must not have.
pub(crate) const NO_CAPABILITIES: &str = "no capabilities";

/// The result of every function of this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an image can't be built or read. [`Error::hint`] is the remedy, if there is one.
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
    /// A file that the user named can't be written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// An input can't be obtained.
    #[error(transparent)]
    Input(#[from] inputs::Error),
    /// A Secure Boot key can't be read or used.
    #[error(transparent)]
    SecureBoot(#[from] secureboot::Error),
    /// The key set for upgrade bundles is invalid.
    #[error("reading update keys {}: {source}", .path.display())]
    UpdateKeys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: bundle::BundleError,
    },
    /// Two parts of the root conflict.
    #[error("assembling the root: {0}")]
    Tree(#[from] TreeError),
    /// A package conflicts with the packages before it.
    #[error("adding package {package} to the root: {source}")]
    Package {
        /// Its name.
        package: String,
        /// The path at which they conflict.
        source: TreeError,
    },
    /// Two packages have a file of the same path, as dpkg refuses it.
    #[error("adding package {second} to the root: package {first} has {path:?} too; leave one of them out")]
    SameFile {
        /// The path in the root.
        path: String,
        /// The package that has brought it.
        first: String,
        /// The package that has it too.
        second: String,
    },
    /// An overlay contains something that an image can't contain.
    #[error("reading overlay {}: expected {expected}, found {found}", .path.display())]
    Overlay {
        /// The path on the host.
        path: PathBuf,
        /// What may be there.
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
        /// What would fit the overlay.
        expected: &'static str,
        /// What the root has.
        found: String,
    },
    /// A part of a slot is too large.
    #[error("{part} is {bytes} bytes, expected at most {limit}: {percent} % of its {mib} MiB")]
    TooLarge {
        /// `root` or `kernel`.
        part: &'static str,
        /// Its size in bytes.
        bytes: u64,
        /// The maximum size in bytes.
        limit: u64,
        /// The share of the partition that may be filled.
        percent: u64,
        /// Size of its partition.
        mib: u64,
        /// The profile key with the partition's size.
        key: &'static str,
    },
    /// A format can't be written or read.
    #[error("{doing}: {source}")]
    Format {
        /// The attempted action, as a gerund.
        doing: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk can't be assembled from its parts.
    #[error("laying out the disk: {0}")]
    Disk(#[from] disk::DiskError),
    /// The profile requests another version than the inputs have.
    #[error("profile {profile}: requires Kubernetes {expected}, rootfs/components/kubernetes pins {found}")]
    Kubernetes {
        /// The profile.
        profile: String,
        /// The requested version.
        expected: String,
        /// The pinned version.
        found: String,
    },
    /// The cluster's own manifests name container images that the image would lack.
    #[error("profile {profile}: the cluster's manifests need container images of {}", .missing.join(", "))]
    NoContainerImage {
        /// The profile.
        profile: String,
        /// Names of the images, which are those of their components.
        missing: Vec<&'static str>,
    },
    /// A file is not an Ironhull image.
    #[error("reading image {}: {reason}", .path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
}

impl Error {
    /// Returns the remedy, if there is one that the message does not contain.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::TooLarge { part, key, .. } => {
                Some(format!("give the {part} more room with `{key}` in the profile"))
            }
            Error::Kubernetes { found, .. } => Some(format!("write `kubernetes: {{ version: {found} }}`")),
            Error::NoContainerImage { missing, .. } => {
                Some(format!("add {} to `components` in the profile", missing.join(", ")))
            }
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

    /// Returns a function that adds the attempted action and the file to an I/O error.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { doing, path, source }
    }

    /// Returns a function that adds the attempted action to a format's error.
    pub(crate) fn format<E>(doing: &'static str) -> impl FnOnce(E) -> Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        move |source| Error::Format { doing, source: Box::new(source) }
    }
}

/// Returns whether a full disk is among the causes; a format passes on the error of its writer.
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

//! Why user-data can't be used.

use std::path::PathBuf;

use formats::volume::VolumeError;
use weburl::WebUrl;

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
    /// A volume that has the label of user-data can't be read.
    #[error("reading user-data on volume {label:?} of {device}: {source}")]
    Volume {
        /// The device, such as `sr0`.
        device: String,
        /// The volume's label.
        label: String,
        /// The cause.
        source: VolumeError,
    },
    /// A URL at which user-data is said to be can't be one.
    #[error("reading user-data {option}: {reason}")]
    Url {
        /// Where the URL is written.
        option: &'static str,
        /// What was expected and found.
        reason: String,
    },
    /// A server does not answer, or refuses.
    #[error("fetching {url}: {reason}")]
    Web {
        /// What was asked for.
        url: WebUrl,
        /// What went wrong.
        reason: String,
    },
    /// A value that VMware holds for the machine can't be read or used.
    #[error("reading guestinfo.{key}: {reason}")]
    GuestInfo {
        /// The key.
        key: &'static str,
        /// What was expected and found, or what the hypervisor refused.
        reason: String,
    },
    /// Several volumes have user-data, and not the same.
    #[error("{} have different user-data on volumes labelled {label:?}\nhint: remove all but one", devices.join(" and "))]
    Ambiguous {
        /// The devices.
        devices: Vec<String>,
        /// The label that was looked for.
        label: &'static str,
    },
}

impl Error {
    /// Returns whether the user-data is on a disk, which others than the machine's owner may be able to write.
    #[must_use]
    pub const fn is_on_disk(&self) -> bool {
        matches!(self, Error::Volume { .. } | Error::Ambiguous { .. })
    }
}

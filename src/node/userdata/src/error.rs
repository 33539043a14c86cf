//! Why user-data can't be used.

use std::path::PathBuf;

use formats::volume::VolumeError;

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
    /// The user-data is to be fetched from a URL.
    #[error("reading user-data {option}: user-data by URL is not supported yet\nhint: give it as base64")]
    Url {
        /// The option that has the URL.
        option: &'static str,
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

//! Paths of the certificates.

use std::path::PathBuf;

/// Where everything lies.
pub const PKI_DIRECTORY: &str = "/state/pki";

/// The path of a file below the PKI directory.
pub(crate) fn path(name: &str) -> PathBuf {
    [PKI_DIRECTORY, name].iter().collect()
}

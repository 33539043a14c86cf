//! Paths of the certificates.

use std::path::PathBuf;

/// Directory of all certificates and keys.
pub const PKI_DIRECTORY: &str = "/state/pki";

/// Returns the path of a file in the PKI directory.
pub(crate) fn path(name: &str) -> PathBuf {
    [PKI_DIRECTORY, name].iter().collect()
}

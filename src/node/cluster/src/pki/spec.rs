//! The specification of a component's certificate.

use certs::Usage;

/// Validity of a certificate: one year.
pub(crate) const LIFE_SECS: u64 = 365 * 86_400;

/// The required properties of a certificate.
#[derive(Debug)]
pub(crate) struct LeafSpec {
    /// Path of its files in the PKI directory, without extension.
    pub name: String,
    pub common_name: String,
    pub organization: Option<String>,
    pub usage: Usage,
    /// DNS names and addresses; order and duplicates do not matter.
    pub names: Vec<String>,
    pub life_secs: u64,
}

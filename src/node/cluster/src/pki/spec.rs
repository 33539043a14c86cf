//! The specification of a component's certificate.

use certs::Usage;

/// Life of a certificate: one year.
pub(crate) const LIFE_SECS: u64 = 365 * 86_400;

/// What a certificate shall be.
#[derive(Debug)]
pub(crate) struct LeafSpec {
    /// Name of its files below the PKI directory, without ending.
    pub name: String,
    pub common_name: String,
    pub organization: Option<String>,
    pub usage: Usage,
    /// DNS names and addresses, in any order, repeated or not.
    pub names: Vec<String>,
    pub life_secs: u64,
}

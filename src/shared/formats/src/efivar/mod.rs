//! Contents of the Secure Boot variables: lists of certificates, and signed updates.
//!
//! [`signature_list`] is the plain content of `PK`, `KEK` and `db` (an `.esl` file). [`Update`] is such a
//! content with the signature that firmware requires to set the variable (an `.auth` file). [`add_to_store`]
//! writes what updates set into the file in which OVMF keeps its variables. Supports only certificates and
//! only complete variables: no hashes, no appending. Spec: UEFI 2.10 (8.2.2, 32.4.1).

mod store;
mod update;

pub use store::{StoreError, add_to_store};
pub use update::{Time, Update};

use crate::gpt::Guid;

/// The type of a list of X.509 certificates: `EFI_CERT_X509_GUID`.
const X509: &str = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072";

/// Returns a list of one certificate (DER), owned by `owner`.
#[must_use]
pub fn signature_list(owner: Guid, certificate: &[u8]) -> Vec<u8> {
    let x509 = Guid::parse(X509).expect("the GUID is well-formed");
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let signature = 16 + certificate.len();
    let mut list = x509.to_disk().to_vec();
    list.extend(small(28 + signature));
    list.extend([0; 4]);
    list.extend(small(signature));
    list.extend(owner.to_disk());
    list.extend(certificate);
    list
}

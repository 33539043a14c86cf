//! Secure Boot keys: creates them, reads them and signs programs with them.
//!
//! [`create()`] creates the owner's three keys and the files to enrol them, [`enrol()`] enrols them for a virtual
//! machine, [`Signer`] signs EFI programs with one of them. `formats::authenticode` and `formats::efivar` have the
//! formats; this crate has the keys and the files.
//!
//! RSA with 2048 bits and SHA-256 is all that firmware is sure to support: UEFI requires only RSA, and builds of OVMF
//! leave out elliptic curves. Keys are PEM files (PKCS #8), so keys created elsewhere work as well; hardware tokens are
//! not supported.
#![forbid(unsafe_code)]

mod create;
mod enrol;
mod error;
mod made;
mod signer;

pub use create::{NAMES, create};
pub use enrol::enrol;
pub use error::{Error, Result};
pub use signer::Signer;

#[cfg(test)]
mod tests;

//! The keys of Secure Boot: made, read, and used to sign programs.
//!
//! [`create()`] makes the three keys that a machine's owner has, with everything that firmware takes to enrol
//! them, and [`enrol()`] does so for a virtual machine. [`Signer`] signs EFI programs with one of them. The bytes are those of `formats::authenticode` and
//! `formats::efivar`; this crate has the keys and the files.
//!
//! RSA with 2048 bits and SHA-256, because firmware surely takes nothing else: UEFI asks for RSA alone, and
//! builds of OVMF leave elliptic curves out. Keys are PEM files (PKCS #8), so that keys made elsewhere do as
//! well; hardware tokens are not covered.
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

//! Authenticode: the signature of an EFI program that Secure Boot requires.
//!
//! [`Unsigned::parse`] reads a program and returns the bytes to sign, [`Unsigned::sign`] inserts the
//! signature. Neither needs the key, so the signer may be elsewhere. The same program, certificate and key
//! give the same bytes, since there is no timestamp. One signature per program, SHA-256 with RSA; nothing is
//! verified here. Specs: Microsoft "Windows Authenticode Portable Executable Signature Format" 1.0, PE/COFF
//! revision 11 (attribute certificate table, checksum), UEFI 2.10 (32.5).

mod image;
mod writer;

pub use crate::pkcs7::Certificate;
use crate::uki::UkiError;
pub use writer::Unsigned;

/// Why a program can't be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticodeError {
    /// It is not a 64-bit EFI program.
    #[error(transparent)]
    Pe(#[from] UkiError),
    /// It is already signed.
    #[error("signing the program: it is signed already")]
    Signed,
    /// Its headers have no directory entry for a signature.
    #[error("signing the program: expected at least 5 data directories, found {0}")]
    NoDirectory(u32),
    /// Headers and sections are not contiguous: some bytes would be signed twice or not at all.
    #[error("signing the program: expected bytes of a section at {expected:#x}, found them at {found:#x}")]
    Gap {
        /// End of the bytes before.
        expected: u64,
        /// Start of the next section.
        found: u64,
    },
    /// A section is truncated.
    #[error("signing the program: its sections end at byte {end}, it has {bytes}")]
    Cut {
        /// End of the last section.
        end: u64,
        /// Length of the file.
        bytes: u64,
    },
    /// It would be 4 GiB or longer.
    #[error("signing the program: it would exceed 4 GiB")]
    TooLong,
}

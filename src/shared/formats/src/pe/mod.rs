//! Converts ELF files to EFI applications (PE32+): our boot loader is built by the plain host compiler, and
//! converted to a program that firmware can start.
//!
//! An EFI program is little more than a position-independent ELF file: code, constants and data at their
//! addresses, and a list of the places that contain an address. [`from_elf`] writes exactly that, and refuses
//! everything that it can't express; [`red_zone`] finds code that must not run where interrupts use the
//! program's own stack. Not covered: other machines than x86-64, imports, signatures. Specs: PE/COFF revision
//! 11, System V ABI for x86-64 1.0, UEFI 2.10 (2.3.4).

mod elf;
mod redzone;
mod writer;

pub use redzone::{RedZoneUse, red_zone};
pub use writer::from_elf;

/// Why an ELF file can't be converted to an EFI application.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeError {
    /// The file is truncated or not an ELF file of the expected kind.
    #[error("reading the ELF file: {0}")]
    Malformed(String),
    /// Something in it can't be expressed in an EFI application, or must not be in one.
    #[error("converting the ELF file to an EFI application: {0}")]
    Unfit(String),
}

impl PeError {
    /// Returns the error for a malformed file.
    fn malformed(what: impl Into<String>) -> PeError {
        PeError::Malformed(what.into())
    }

    /// Returns the error for a valid file that can't be used here.
    fn unfit(what: impl Into<String>) -> PeError {
        PeError::Unfit(what.into())
    }
}

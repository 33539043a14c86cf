//! EFI applications (PE32+) out of ELF files: our boot loader is built by the plain host compiler, and
//! turned into what firmware starts.
//!
//! An EFI program is little more than a position-independent ELF file: code, constants and data at
//! addresses of their own, and a list of the places that hold an address. [`from_elf`] writes exactly that,
//! and refuses all that it can't say; [`red_zone`] finds code that must not run where interrupts come in
//! on the program's own stack. Not covered: other machines than x86-64, imports, signatures. Specs:
//! PE/COFF revision 11, System V ABI for x86-64 1.0, UEFI 2.10 (2.3.4).

mod elf;
mod redzone;
mod writer;

pub use redzone::{RedZoneUse, red_zone};
pub use writer::from_elf;

/// Why an ELF file can't become an EFI application.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeError {
    /// The file is cut off or no ELF file of the kind expected.
    #[error("reading the ELF file: {0}")]
    Malformed(String),
    /// A part can't be said in an EFI application, or must not be in one.
    #[error("converting the ELF file to an EFI application: {0}")]
    Unfit(String),
}

impl PeError {
    /// Returns an error of a malformed file.
    fn malformed(what: impl Into<String>) -> PeError {
        PeError::Malformed(what.into())
    }

    /// Returns an error of a file that is sound but of no use here.
    fn unfit(what: impl Into<String>) -> PeError {
        PeError::Unfit(what.into())
    }
}

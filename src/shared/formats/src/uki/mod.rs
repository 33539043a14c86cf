//! Unified kernel images: a systemd stub with kernel, initrd and command line as sections of one PE file.
//!
//! Sections are appended in the same way as ukify does; of the stub only the headers are changed. Signing is
//! elsewhere. Specs: UAPI.5 "Unified Kernel Image", PE/COFF revision 11.

#[cfg(feature = "builder")]
mod dump;
pub(crate) mod format;
mod reader;
#[cfg(feature = "builder")]
mod writer;

#[cfg(feature = "builder")]
pub use dump::dump;
pub use reader::{HEAD_BYTES, MAX_CMDLINE_BYTES, Section, locate, sections};
#[cfg(feature = "builder")]
pub use writer::{Parts, build};

/// Why an image can't be built or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UkiError {
    /// A header is truncated, or not that of a 64-bit EFI program.
    #[error("parsing {file} as PE: {what}")]
    Malformed {
        /// `stub`, `kernel` or `image`.
        file: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The stub is signed: appending sections would break the signature.
    #[error("adding sections to the stub: it is signed already")]
    Signed,
    /// The stub already has such a section.
    #[error("adding section {0:?}: the stub has one already")]
    Twice(String),
    /// There is no space for more section headers.
    #[error("adding {wanted} section headers: the stub has room for {room}")]
    NoRoom {
        /// Number of headers to add.
        wanted: usize,
        /// Number of headers that fit.
        room: usize,
    },
    /// The image would be 4 GiB or longer.
    #[error("adding section {0:?}: the image would exceed 4 GiB")]
    TooLong(String),
}

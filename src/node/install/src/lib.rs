//! Installs the image of a running installation medium to a disk of the machine.
//!
//! | step | here |
//! |---|---|
//! | which disk is meant | [`choose()`] |
//! | what the disk holds | [`look()`] |
//! | what the medium holds | [`Medium`] |
//! | write everything, read it back, then the partition table | [`install()`] |
//!
//! The disk is laid out as an image is, by the crate `disk`, with GUIDs and UUIDs of its own and the data partition up to
//! its end. The tests run the same code as a node, on a disk that fails or loses power after any write. All calls block.
//! Not here: opening devices, progress, rebooting.
#![forbid(unsafe_code)]

mod checked;
mod choose;
mod error;
mod look;
mod medium;
mod write;

use std::io;
use std::ops::Range;

use formats::disk::ReadAt;

pub use choose::{Refused, choose};
pub use error::InstallError;
pub use look::{Holds, look};
pub use medium::Medium;
pub use write::{Order, Step, install};

/// A disk that is installed to.
pub trait Target: ReadAt {
    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// The I/O error of the disk; part of `bytes` may be written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes a range read as zeros.
    ///
    /// # Errors
    /// The I/O error of the disk; part of the range may be zeroed.
    fn zero(&self, range: Range<u64>) -> io::Result<()>;

    /// Returns when all that was written would survive a power cut.
    ///
    /// # Errors
    /// The I/O error of the disk.
    fn sync(&self) -> io::Result<()>;

    /// Drops what is cached, so that the next reads read the disk.
    fn forget(&self);
}

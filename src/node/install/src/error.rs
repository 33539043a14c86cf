//! Why an installation failed.

use std::io;

use disk::DiskError;
use formats::ext4::Ext4Error;
use formats::fat::FatError;
use formats::gpt::GptError;
use formats::verity::VerityError;

/// Why an installation failed. The disk does not start then, and the installation can be repeated.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The partition table of the medium can't be read.
    #[error("reading the partition table of the medium")]
    Table(#[from] GptError),
    /// A part is not on the medium, or not as it should be.
    #[error("reading the medium: {0}")]
    Medium(String),
    /// The boot loader can't be read.
    #[error("reading the boot loader of the medium")]
    Loader(#[from] FatError),
    /// The medium can't be read.
    #[error("reading the medium")]
    Read(#[source] io::Error),
    /// The disk can't be laid out.
    #[error("laying out the disk")]
    Layout(#[from] DiskError),
    /// The disk is too small.
    #[error("the disk has {found} bytes, expected at least {expected}")]
    TooSmall {
        /// Length of the disk.
        found: u64,
        /// The least length.
        expected: u64,
    },
    /// The file system of the state can't be made.
    #[error("making the file system of the state")]
    State(#[from] Ext4Error),
    /// Writing or reading the disk failed.
    #[error("{doing} the disk")]
    Disk {
        /// What was done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The disk does not return what was written.
    #[error("reading back the disk: {bytes} bytes at byte {at} are not what was written there")]
    Differs {
        /// Where.
        at: u64,
        /// How many bytes were compared at once.
        bytes: u64,
    },
    /// The root that was read from the medium is damaged.
    #[error("the root on the medium is damaged: {0}")]
    Root(VerityError),
    /// The kernel image that was read from the medium is damaged.
    #[error("the kernel image on the medium is damaged: its SHA-256 is not that of its header")]
    Kernel,
}

impl InstallError {
    /// Returns a function that adds what was done to an I/O error of the disk.
    pub(crate) fn disk(doing: &'static str) -> impl Fn(io::Error) -> InstallError {
        move |source| InstallError::Disk { doing, source }
    }
}

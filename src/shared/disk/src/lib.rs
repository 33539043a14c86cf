//! A disk for a generation: where its partitions are, and their initial contents.
//!
//! [`Layout`] determines the positions; [`arrange()`] puts table, EFI system partition, boot record and
//! markers around a root and a kernel image, which stay where they are. The result is only read: an image
//! file is a copy of it ([`formats::disk::copy`]), a container compresses it, and an installer copies it over
//! a machine's disk. [`arrange_medium()`] makes an installation
//! medium of them. Making the root and the kernel image is not part of this crate.
#![forbid(unsafe_code)]

mod arrange;
mod error;
pub mod identity;
mod layout;
mod medium;

pub use arrange::{BOOT_PATH, Contents, SPARE_PATH, arrange};
pub use error::DiskError;
pub use layout::{Layout, MIB, Place, Sizes};
pub use medium::arrange_medium;

//! A disk for a generation: where its partitions are, and what stands in them when it is new.
//!
//! [`Layout`] says where, [`arrange()`] what: it puts table, EFI system partition, boot record and markers around
//! a root and a kernel image that stay where they are. The result is only read: an image file is copied from it
//! ([`formats::disk::copy`]), a container compresses it, and whoever installs on a machine copies it over what
//! that disk held. How root and kernel image are made is no business of this crate.
#![forbid(unsafe_code)]

mod arrange;
mod error;
pub mod identity;
mod layout;

pub use arrange::{BOOT_PATH, Contents, SPARE_PATH, arrange};
pub use error::DiskError;
pub use layout::{Layout, MIB, Place, Sizes};

//! VMDK, streamOptimized: the disk format that VMware imports, alone or in an OVA.
//!
//! Written in order, in version 3, with grains of 64 KiB compressed in parallel and reproducibly. There is no
//! reader: `qemu-img` converts to raw. Version 1 would be the one of the specification, but ESXi refuses it
//! in a streamOptimized file. Spec: VMware, Virtual Disk Format 5.0, "Stream-Optimized Compressed Sparse
//! Extents".

mod format;
mod writer;

use std::io;

pub use writer::write;

/// Options of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Identifies the content of the disk; VMware keeps it as the content ID.
    pub content_id: [u8; 16],
}

/// Why an image can't be written.
#[derive(Debug, thiserror::Error)]
pub enum VmdkError {
    /// Reading the disk or writing the output failed.
    #[error("writing a VMDK image")]
    Io(#[from] io::Error),
    /// The disk exceeds the maximum length.
    #[error("disk is {0} bytes long, at most 2016 GiB are supported")]
    TooLong(u64),
}

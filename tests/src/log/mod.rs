//! The log that QEMU's driver `blklogwrites` writes of a guest's disk operations, and the states that power
//! cuts at any point of it can leave.
//!
//! The format is that of the kernel's `dm-log-writes`, version 1: a superblock in the first sector, then
//! entries of one sector each, followed by the data written. Numbers are little-endian; offsets and lengths
//! are in sectors of the size given in the superblock. Marks, which QEMU never writes, are refused.
//!
//! QEMU logs a request when it is completed. So a write that was still in progress when a flush began may be
//! logged before that flush: the results hold for guests that wait for a write before they flush it.

mod reader;
mod replay;

pub use reader::{Event, Log, Write};
pub use replay::{Change, cuts};

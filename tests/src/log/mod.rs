//! The log that QEMU's driver `blklogwrites` keeps of what a guest does to its disk, and what power cuts at
//! any point of it leave.
//!
//! The format is that of the kernel's `dm-log-writes`, version 1: a superblock in the first sector, then
//! entries, one sector each and behind it what was written. Numbers are little-endian, places and lengths
//! count sectors of the size that the superblock says. Marks, which QEMU never makes, are refused.
//!
//! QEMU logs a request when it is done. So a write that was still under way when a flush began may stand
//! before that flush: what is shown holds for guests that wait for a write before they flush it.

mod reader;
mod replay;

pub use reader::{Event, Log, Write};
pub use replay::{Change, cuts};

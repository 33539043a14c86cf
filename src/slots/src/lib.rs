//! The shared truth about an Ironhull disk: partitions, the root parameters on the kernel command
//! line, and the marker on partitions that wait to be formatted.
//!
//! Used by the image builder, `init` and everything that inspects a disk, so that no two of them can
//! disagree. Pure and `no_std` (with `alloc`): no I/O, no clock. The boot record, the slot header and
//! the decisions of the boot selector come with the selector itself.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod disk;
mod marker;
mod root;

pub use disk::{PARTITION_COUNT, Partition, Role};
pub use marker::{MARKER_BYTES, Marker};
pub use root::{ParseError, RootParams};

//! The shared truth about an Ironhull disk: its partitions, the boot record and the slots, and every
//! decision about what to boot.
//!
//! Used by the boot loader, the image builder, `init`, the updater and everything that inspects a disk,
//! so that no two of them can disagree. Pure and `no_std`: no I/O, no clock, and no dependency but for serde with
//! the feature of that name. Without the feature `alloc` (on by default) it needs no allocator either; only
//! [`RootParams`] is missing then.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod bytes;
mod decide;
mod disk;
mod dump;
mod handoff;
mod header;
mod marker;
mod reason;
mod record;
#[cfg(feature = "alloc")]
mod root;
#[cfg(feature = "serde")]
mod serde;
mod slot;

pub use decide::{
    Boot, Current, Expired, Refusal, Running, Start, answer, begin_update, bless, boot_once, cancel,
    commit_update, expire, may_reboot_unwritten, may_starve, note, rollback, select, settle,
};
pub use disk::{CARRIED_MEDIUM, MEDIUM_KERNEL, MEDIUM_ROOT, PARTITION_COUNT, Partition, Purpose};
pub use handoff::{HANDOFF_BYTES, Handoff, VARIABLE_GUID, VARIABLE_GUID_BYTES, VARIABLE_NAME, Why};
pub use header::{HEADER_BYTES, Header, UKI_OFFSET};
pub use marker::{MARKER_BYTES, Marker};
pub use reason::Reason;
pub use record::{
    BLESSED_TRIES, Entry, Flags, Place, RECORD_BYTES, Record, TRIAL_TRIES, UNSETTLED_LIMIT, newest,
    write_place,
};
#[cfg(feature = "alloc")]
pub use root::{ParseError, RootParams};
pub use slot::{Pair, Slot};

//! The boot loader on real firmware: OVMF in QEMU, with small programs instead of kernels, so that a boot
//! takes seconds. One behaviour a file.

#![expect(clippy::unwrap_used, reason = "a step that fails is a behaviour that fails")]

mod damaged_slot;
mod disk;
mod foreign_things;
mod lost_records;
mod machine;
mod nothing_bootable;
mod power_cuts;
mod programs;
mod same_bytes;
mod second_disk;
mod secure_boot;
mod secure_boot_keys;
mod unanswered_start;
mod whole_slots;

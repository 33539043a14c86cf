//! Runs an image in QEMU: one machine per name, with its disk, ports and log in one directory.
//!
//! A machine's disk is an overlay over a copy of the image it was made from, so that a change of
//! the image does not affect a disk in use. The hardware of a machine is data ([`Definition`], `qemu/*.yaml`). Nothing
//! here knows what runs inside the machine, and nothing prints.
#![forbid(unsafe_code)]

mod accelerator;
mod command;
mod definition;
mod directory;
mod disk;
mod error;
mod machine;
mod ports;
mod qmp;
mod segment;

pub use accelerator::{Accelerator, Choice, choose};
pub use command::{Launch, command_line};
pub use definition::{AcceleratorOptions, Accelerators, Definition};
pub use directory::{Firmware, FirmwareKind, MachineDir, State};
pub use error::VmError;
pub use machine::{DiskChoice, Machine, Request, Stopped};
pub use ports::Forward;
pub use segment::{MAX_MACHINES, Segment};

//! The boot loader: a UEFI application that starts one of two slots, and the other one in the same boot if
//! that fails. There is no menu, no key does anything, and it never returns to the firmware.
//!
//! The crate `slots` decides which slot to start and what to record before; here is only what needs the
//! firmware: disks, memory, starting a program. The only write is one sector of the partition `bootstate`.
//!
//! **How it is built.** With the plain compiler for the host: its `core`, `extern "efiapi"`, no red zone,
//! linked by `efi.ld` into a static-pie ELF file, which `formats::pe` turns into an EFI application; the
//! recipe is in the crate `inputs`. So no UEFI target needs to be installed. The library compiles everywhere
//! and is checked, linted and tested with the workspace; what only works in an EFI application (entry point,
//! panic handler, memory functions) needs the feature `firmware`, without which the programs are not built at
//! all.
//!
//! Spec: UEFI 2.10.
#![cfg_attr(not(test), no_std)]
#![expect(unsafe_code, reason = "firmware is tables of addresses; each block says why it is sound")]

#[macro_use]
mod console;
mod disk;
pub mod efi;
mod gpt;
mod path;
mod record;
mod run;
#[cfg(feature = "firmware")]
mod runtime;
mod sha256;
mod slot;

pub use console::line as say;
pub use run::run;
#[cfg(feature = "firmware")]
pub use runtime::enter;

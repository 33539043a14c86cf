//! Installs a bundle as a generation in the inactive slot.
//!
//! | step | here |
//! |---|---|
//! | store the received part until the bundle is complete | [`Staged`] |
//! | which keys are trusted | [`keys`] |
//! | verify everything before the first write | [`examine()`] |
//! | write the slot, read it back, commit | [`install()`] |
//!
//! The caller opens the slot and writes the boot record, through a [`Target`]. So the tests run the same code
//! as a node, on a disk that records each write and loses power after any of them. Each step can be repeated
//! after a power cut. All calls block; memory is needed for one frame of a bundle. Not here: how a bundle
//! arrives, draining, rebooting, the trial.
#![forbid(unsafe_code)]

mod error;
mod examine;
mod install;
pub mod keys;
pub mod kubernetes;
mod staged;
mod target;

pub use error::UpdateError;
pub use examine::examine;
pub use install::{Step, install};
pub use staged::{Source, Staged};
pub use target::{Device, Free, Target};

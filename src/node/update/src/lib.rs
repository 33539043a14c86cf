//! A bundle becomes a generation in the slot that does not run.
//!
//! | step | here |
//! |---|---|
//! | keep what arrives until it is whole | [`Staged`] |
//! | who may vouch for a bundle | [`keys`] |
//! | may this node take it: all of it is checked before the first write | [`examine()`] |
//! | write the slot, read it back, have it count | [`install()`] |
//!
//! Where a slot lies and who writes the boot record is the caller's: a [`Target`]. So the very code that
//! runs on a node runs in the tests on a disk that records each write and is cut after any of them. Each
//! step can be repeated after a power cut. Blocking, on the caller's thread; memory for one frame of a
//! bundle. Not here: how a bundle arrives, draining, rebooting, the trial.
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

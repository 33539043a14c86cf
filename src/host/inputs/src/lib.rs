//! The inputs of an image: Debian packages, Go components, the kernel, our own node programs, and the bill of
//! materials of them all. All are pinned, and kept in one content-addressed cache.
//!
//! [`Workspace`] is the entry point. This crate knows nothing about images, profiles or disks.

pub mod components;
mod date;
pub mod debian;
mod digest;
mod error;
mod failure;
mod http;
pub mod kernel;
pub mod programs;
pub mod progress;
mod run;
pub mod sbom;
pub mod store;
pub mod tools;
mod workspace;

pub use digest::{Digest, NotADigest};
pub use error::{Error, LOCK_COMMAND, Result};
pub use failure::Failure;
pub use progress::{Progress, Silent};
pub use workspace::{Options, Prepared, Workspace};

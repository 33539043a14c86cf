//! Turns an image profile into a disk: plan, one tree in memory, slots, files.
//!
//! [`build()`] is the door to making, [`inspect::Image`] to reading. The bytes of an image depend on its inputs
//! alone: not on the time, the umask, paths, or how many jobs ran. Booting is no business of this crate.
#![forbid(unsafe_code)]

mod build;
pub mod bundle;
mod date;
mod disk;
mod error;
mod facts;
mod hash;
mod hostdisk;
mod identity;
pub mod inspect;
mod keys;
mod layout;
mod materials;
mod oci;
mod overlay;
mod packages;
mod plan;
mod record;
mod root;
mod skeleton;
mod slot;
mod source;
mod step;

pub use build::{Outcome, build};
pub use error::Error;
pub use facts::{Facts, VERSION};
pub use record::{Built, BuiltFile, BuiltKernel};

/// Bounds the threads that compress and hash. Works once, before the first build.
pub fn limit_jobs(jobs: usize) {
    // A second call finds the threads there already; the first bound stays.
    drop(rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global());
}

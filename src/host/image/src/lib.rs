//! Turns an image profile into files: plan, one tree in memory, a generation, the files made from it.
//!
//! [`build()`] builds, [`inspect::Image`] reads. The bytes of an image depend only on its inputs, not on the
//! time, the umask, paths, or the number of jobs. Booting an image is the crate `vm`.
#![forbid(unsafe_code)]

mod build;
pub mod bundle;
mod contents;
mod diskfile;
mod error;
mod facts;
mod generation;
mod hash;
mod hostdisk;
pub mod inspect;
mod kernel;
mod keys;
mod materials;
mod oci;
mod outputs;
mod overlay;
mod packages;
mod plan;
mod publish;
mod record;
mod room;
mod root;
mod skeleton;
mod source;
mod spool;
mod step;
mod verity;
mod workdir;

pub use build::{Outcome, build};
pub use error::Error;
pub use facts::VERSION;
pub use generation::Generation;
pub use imagefacts::ImageFacts;
pub use record::{Built, BuiltFile, BuiltKernel};

/// Limits the threads that compress and hash. Works only once, before the first build.
pub fn limit_jobs(jobs: usize) {
    // If it is called again, the thread pool exists already, and its size stays.
    drop(rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global());
}

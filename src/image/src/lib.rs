//! Turns an image profile into a disk: plan, one tree in memory, slots, files.
#![forbid(unsafe_code)]

mod disk;
mod error;
pub mod facts;
mod hostdisk;
mod identity;
pub mod layout;
pub mod oci;
pub mod overlay;
pub mod plan;
pub mod root;
mod skeleton;
mod slot;
mod source;

pub use error::Error;

//! The part of UEFI that is used: [`Firmware`] is all that the rest of the crate sees of it.

mod block;
mod firmware;
mod guid;
mod memory;
mod tables;

pub use block::BlockDevice;
pub use firmware::{Firmware, Life, LoadError};
pub use guid::Guid;
pub use memory::Memory;
pub use tables::{Handle, Status, SystemTable};

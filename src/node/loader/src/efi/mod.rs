//! The part of UEFI that the boot loader uses. The rest of the crate uses only [`Firmware`].

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

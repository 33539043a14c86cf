//! What an update writes to: two partitions, and the boot record through its owner.

use std::io;

use bundle::Kind;
use formats::disk::ReadAt;

use crate::UpdateError;

/// A partition of the inactive slot.
pub trait Device: ReadAt {
    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// What the place answers; a range that leaves the partition is one.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when all that was written is on the medium.
    ///
    /// # Errors
    /// What the place answers.
    fn sync(&self) -> io::Result<()>;

    /// Lets go of what is kept in memory of the partition, so that the next read asks the medium.
    fn forget(&self);
}

/// The slot that was given free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free<D> {
    /// Number that the generation in it gets.
    pub generation: u32,
    /// Its kernel partition.
    pub kernel: D,
    /// Its root partition.
    pub root: D,
}

/// The node that an update is made on.
pub trait Target {
    /// A partition.
    type Device: Device;

    /// Has the boot record give the other slot free, and opens it. On the medium when this returns.
    ///
    /// # Errors
    /// [`UpdateError::Slots`] if the slots don't allow it, [`UpdateError::Device`] if it can't be opened.
    fn begin(&mut self) -> Result<Free<Self::Device>, UpdateError>;

    /// Has the boot record name the generation in it as the next to be started, on trial. On the medium
    /// when this returns.
    ///
    /// # Errors
    /// [`UpdateError::Slots`] if the slots don't allow it, or the record can't be written.
    fn commit(&mut self, generation: u32, epoch: u32) -> Result<(), UpdateError>;
}

impl<D: Device> Free<D> {
    /// Returns the partition of a part.
    pub(crate) fn device(&self, part: Kind) -> &D {
        match part {
            Kind::Uki => &self.kernel,
            Kind::Root => &self.root,
        }
    }
}

//! What an update writes to: two partitions, and the boot record through `init`.

use std::io;

use bundle::Kind;
use formats::disk::ReadAt;

use crate::UpdateError;

/// A partition of the inactive slot.
pub trait Device: ReadAt {
    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// The I/O error of the write; also if the range exceeds the partition. Part of `bytes` may be written
    /// then.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Waits until everything written so far is on the disk.
    ///
    /// # Errors
    /// The I/O error of the sync. Any part of what was written since the last sync may be missing then.
    fn sync(&self) -> io::Result<()>;

    /// Drops the partition's pages from the page cache, so that the next read comes from the disk.
    fn forget(&self);
}

/// The inactive slot, released for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free<D> {
    /// The number of the generation that will be written.
    pub generation: u32,
    /// The kernel partition.
    pub kernel: D,
    /// The root partition.
    pub root: D,
}

/// The node to be updated.
pub trait Target {
    /// A partition.
    type Device: Device;

    /// Marks the inactive slot as not present in the boot record, and opens it. The record is synced when
    /// this returns.
    ///
    /// # Errors
    /// [`UpdateError::Slots`] if the record does not allow it or can't be written, [`UpdateError::Device`] if
    /// a partition can't be opened. The slot keeps its content.
    fn begin(&mut self) -> Result<Free<Self::Device>, UpdateError>;

    /// Marks the written generation in the boot record as the next to start, on trial. The record is synced
    /// when this returns.
    ///
    /// # Errors
    /// [`UpdateError::CalledOff`] if the upgrade was cancelled, [`UpdateError::File`] if the bundle's key set
    /// can't be stored, [`UpdateError::Slots`] if the record does not allow it or can't be written. The slot
    /// stays not present, unless the write failed after it had reached the disk.
    fn commit(&mut self, generation: u32, epoch: u32) -> Result<(), UpdateError>;
}

impl<D: Device> Free<D> {
    /// Returns the partition that holds a part.
    pub(crate) fn device(&self, part: Kind) -> &D {
        match part {
            Kind::Uki => &self.kernel,
            Kind::Root => &self.root,
        }
    }
}

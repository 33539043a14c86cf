//! A disk or a partition, which the firmware reads and writes in whole blocks.

use super::tables::{BlockIo, Media};

/// Largest accepted block size.
const LARGEST_BLOCK: u32 = 4096;

/// A disk or a partition.
#[derive(Clone, Copy, Debug)]
pub struct BlockDevice {
    io: *mut BlockIo,
    block: u32,
    /// First block and number of blocks of the part that this is.
    first: u64,
    blocks: u64,
}

impl BlockDevice {
    /// Wraps the protocol; `None` if there is no medium, or its block size or alignment is not supported.
    ///
    /// # Safety
    /// `io` must be a block I/O protocol of the firmware that stays valid as long as the program runs.
    pub(super) unsafe fn new(io: *mut BlockIo) -> Option<BlockDevice> {
        // SAFETY: the caller guarantees that `io` is the protocol; its medium pointer is always valid.
        let media = unsafe { &*(*io).media };
        let block = media.block_size;
        let sound = block.is_power_of_two() && (512..=LARGEST_BLOCK).contains(&block);
        let usable = media.present != 0 && sound && media.io_align <= LARGEST_BLOCK;
        usable.then(|| BlockDevice { io, block, first: 0, blocks: media.last_block.saturating_add(1) })
    }

    /// Returns the part of `bytes` bytes from byte `at` on; `None` if that is not whole blocks of it.
    #[must_use]
    pub fn part(&self, at: u64, bytes: u64) -> Option<BlockDevice> {
        let block = u64::from(self.block);
        let whole = at.is_multiple_of(block) && bytes.is_multiple_of(block);
        let within = at.checked_add(bytes)? <= self.bytes();
        (whole && within).then_some(BlockDevice {
            first: self.first.checked_add(at / block)?,
            blocks: bytes / block,
            ..*self
        })
    }

    /// Returns the block size in bytes: a power of two from 512 to 4096.
    #[must_use]
    pub fn block(&self) -> usize {
        self.block as usize
    }

    /// Returns the number of blocks.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(u64::from(self.block))
    }

    /// Fills `to` with the bytes from `at` on. Both must be multiples of the block size; `to` starts on a
    /// page, or whole blocks after it. Returns whether it succeeded.
    #[must_use]
    pub fn read(&self, at: u64, to: &mut [u8]) -> bool {
        let Some(lba) = self.lba(at, to.len()) else { return false };
        // SAFETY: the protocol is valid as long as the program runs; it writes `to.len()` bytes to `to`.
        unsafe { ((*self.io).read)(self.io, self.media().id, lba, to.len(), to.as_mut_ptr()) }.is_success()
    }

    /// Writes `from` at byte `at`, with the same requirements as [`BlockDevice::read`], and flushes it to the
    /// disk. Returns whether it succeeded.
    #[must_use]
    pub fn write(&self, at: u64, from: &[u8]) -> bool {
        let Some(lba) = self.lba(at, from.len()) else { return false };
        // SAFETY: as above; it reads `from.len()` bytes from `from`.
        let wrote = unsafe { ((*self.io).write)(self.io, self.media().id, lba, from.len(), from.as_ptr()) };
        // SAFETY: as above.
        wrote.is_success() && unsafe { ((*self.io).flush)(self.io) }.is_success()
    }

    /// Returns the block at byte `at`; `None` if the range is not whole blocks, or exceeds the device.
    fn lba(&self, at: u64, bytes: usize) -> Option<u64> {
        let whole = at.is_multiple_of(u64::from(self.block)) && bytes.is_multiple_of(self.block());
        let end = at.checked_add(u64::try_from(bytes).ok()?)?;
        (whole && end <= self.bytes()).then_some(())?;
        self.first.checked_add(at / u64::from(self.block))
    }

    fn media(&self) -> &Media {
        // SAFETY: the protocol and its medium are valid as long as the program runs, and nothing else runs
        // meanwhile.
        unsafe { &*(*self.io).media }
    }
}

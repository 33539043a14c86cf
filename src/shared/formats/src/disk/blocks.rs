//! Iterates over the blocks of a disk that may contain data, for formats that store a disk block by block.

use std::io;

use super::ReadAt;

/// The blocks of a disk that may contain data, in ascending order.
pub(crate) struct Blocks<'a, D: ?Sized> {
    disk: &'a D,
    /// Length of a block in bytes.
    length: u64,
    /// The next block to examine.
    next: u64,
    /// End of the data range that contains `next`, in blocks.
    data_end: u64,
}

impl<'a, D: ReadAt + ?Sized> Blocks<'a, D> {
    /// Returns the blocks of `length` bytes; the last one may reach past the end of the disk.
    pub(crate) fn new(disk: &'a D, length: u64) -> Blocks<'a, D> {
        Blocks { disk, length, next: 0, data_end: 0 }
    }

    /// Returns the indices of up to `count` next blocks; none at the end of the disk.
    ///
    /// # Errors
    /// The I/O error of the disk.
    pub(crate) fn take(&mut self, count: usize) -> io::Result<Vec<u64>> {
        let mut batch = Vec::with_capacity(count);
        while batch.len() < count {
            if self.next >= self.data_end {
                let Some(range) = self.disk.next_data(self.next * self.length)? else { break };
                self.next = self.next.max(range.start / self.length);
                self.data_end = range.end.min(self.disk.len()).div_ceil(self.length);
                if self.next >= self.data_end {
                    break;
                }
            }
            batch.push(self.next);
            self.next += 1;
        }
        Ok(batch)
    }
}

/// Reads a block of `buffer.len()` bytes at `at`, padded with zeros at the end of the disk.
///
/// # Errors
/// The I/O error of the disk; also if `at` is past its end.
pub(crate) fn read_padded(disk: &(impl ReadAt + ?Sized), at: u64, buffer: &mut [u8]) -> io::Result<()> {
    let there = disk.len().checked_sub(at).ok_or(io::ErrorKind::UnexpectedEof)?;
    let there = usize::try_from(there).unwrap_or(usize::MAX).min(buffer.len());
    let (data, rest) = buffer.split_at_mut(there);
    disk.read_exact_at(data, at)?;
    rest.fill(0);
    Ok(())
}

/// Returns whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(64).all(|c| c.iter().fold(0, |all, b| all | b) == 0)
}

//! Disks as seen by the writers and readers of this crate: bytes at offsets, with holes.
//!
//! Files belong to the callers, which implement [`ReadAt`] with their system's support for holes.

#[cfg(feature = "builder")]
mod blocks;
mod composite;
mod copy;
mod memory;
mod view;

use std::io;
use std::ops::Range;

#[cfg(feature = "builder")]
pub(crate) use blocks::{Blocks, is_zero, read_padded};
pub use composite::Composite;
pub use copy::{Before, copy};
pub use memory::Memory;
pub use view::{Cursor, Window};

/// A disk, image or file that can be read at any offset, by many threads at once.
pub trait ReadAt: Sync {
    /// Returns the length in bytes.
    fn len(&self) -> u64;

    /// Fills `buf` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` if the range exceeds the disk; otherwise the I/O error of the underlying storage. `buf` is
    /// then unspecified.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// Returns the first range at or after `from` that may contain data other than zeros, or `None` if
    /// everything from there is zeros. If holes are not known, everything counts as data.
    ///
    /// # Errors
    /// The I/O error of the underlying storage.
    fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        Ok((from < self.len()).then(|| from..self.len()))
    }

    /// Returns whether the length is 0.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An output that is not written in order.
pub trait WriteAt {
    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// The I/O error of the underlying storage; part of `bytes` may be written.
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes `length` bytes at `offset` read as zeros.
    ///
    /// # Errors
    /// The I/O error of the underlying storage; part of the range may be zeroed.
    fn zero_at(&mut self, offset: u64, length: u64) -> io::Result<()>;
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(buf, offset)
    }

    fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        (**self).next_data(from)
    }
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let range = usize::try_from(offset).ok().and_then(|at| Some(at..at.checked_add(buf.len())?));
        let bytes = range.and_then(|r| self.get(r)).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.as_slice().read_exact_at(buf, offset)
    }
}

/// Reads `length` bytes at `offset` into a new vector; fails before allocating it if they do not exist.
///
/// # Errors
/// `UnexpectedEof` if the range exceeds the disk; otherwise the I/O error of the underlying storage.
pub fn read_vec(disk: &(impl ReadAt + ?Sized), offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let there = offset.checked_add(length).is_some_and(|end| end <= disk.len());
    let length = usize::try_from(length).ok().filter(|_| there).ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut bytes = vec![0; length];
    disk.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

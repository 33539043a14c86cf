//! Two views of a disk: a part of it, and a cursor for code that uses `Read` and `Seek`.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use super::{ReadAt, WriteAt};

/// A part of a disk, such as a partition, as a disk.
#[derive(Clone, Copy, Debug)]
pub struct Window<D> {
    disk: D,
    start: u64,
    bytes: u64,
}

impl<D: ReadAt> Window<D> {
    /// Returns the `bytes` bytes from `start` on of `disk`; `None` if they exceed it.
    #[must_use]
    pub fn new(disk: D, start: u64, bytes: u64) -> Option<Window<D>> {
        (start.checked_add(bytes)? <= disk.len()).then_some(Window { disk, start, bytes })
    }
}

impl<D: ReadAt> ReadAt for Window<D> {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|e| *e <= self.bytes);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.disk.read_exact_at(buf, self.start + offset)
    }

    fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        if from >= self.bytes {
            return Ok(None);
        }
        let end = self.start + self.bytes;
        let found = self.disk.next_data(self.start + from)?.filter(|r| r.start < end);
        Ok(found.map(|r| r.start - self.start..r.end.min(end) - self.start))
    }
}

/// A position on a disk, for code that uses [`Read`], [`Write`] and [`Seek`].
#[derive(Clone, Debug)]
pub struct Cursor<D> {
    disk: D,
    at: u64,
}

impl<D: ReadAt> Cursor<D> {
    /// Returns a cursor at the start of `disk`.
    #[must_use]
    pub fn new(disk: D) -> Cursor<D> {
        Cursor { disk, at: 0 }
    }

    /// Returns the disk.
    #[must_use]
    pub fn into_inner(self) -> D {
        self.disk
    }
}

impl<D: WriteAt> Write for Cursor<D> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.disk.write_all_at(buf, self.at)?;
        self.at += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: ReadAt> Read for Cursor<D> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.disk.len().saturating_sub(self.at);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let (part, _) = buf.split_at_mut(length);
        self.disk.read_exact_at(part, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl<D: ReadAt> Seek for Cursor<D> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.disk.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Memory;

    #[test]
    fn a_window_shows_only_its_part() {
        let bytes: Vec<u8> = (0..100).collect();
        let window = Window::new(&bytes, 10, 20).unwrap();
        let mut got = Vec::new();
        Cursor::new(&window).read_to_end(&mut got).unwrap();
        assert_eq!(got, bytes[10..30]);
        assert!(window.read_exact_at(&mut [0; 2], 19).is_err());
        assert!(Window::new(&bytes, 90, 11).is_none());
        assert!(Window::new(&bytes, u64::MAX, 1).is_none());
    }

    #[test]
    fn holes_are_seen_through_a_window() {
        let mut disk = Memory::new(1 << 20);
        disk.write_all_at(&[1], 128 << 10).unwrap();
        let window = Window::new(&disk, 64 << 10, 96 << 10).unwrap();
        assert_eq!(window.next_data(0).unwrap(), Some(64 << 10..96 << 10));
        assert_eq!(window.next_data(96 << 10).unwrap(), None);
    }

    #[test]
    fn a_cursor_writes_where_it_stands() {
        let mut cursor = Cursor::new(Memory::new(10));
        cursor.seek(SeekFrom::Start(8)).unwrap();
        cursor.write_all(b"ab").unwrap();
        assert!(cursor.write_all(b"c").is_err());
        let mut buf = [0; 3];
        cursor.into_inner().read_exact_at(&mut buf, 7).unwrap();
        assert_eq!(&buf, b"\0ab");
    }

    #[test]
    fn a_cursor_never_goes_below_zero() {
        let mut cursor = Cursor::new(vec![1, 2, 3]);
        assert_eq!(cursor.seek(SeekFrom::End(-1)).unwrap(), 2);
        assert!(cursor.seek(SeekFrom::Current(-3)).is_err());
        assert_eq!(cursor.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(cursor.read(&mut [0; 8]).unwrap(), 0);
    }
}

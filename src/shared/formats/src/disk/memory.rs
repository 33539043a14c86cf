//! A sparse disk in memory: only written ranges take space.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;

use super::{ReadAt, WriteAt};

/// Unit of allocation. Small enough for file system metadata, large enough to keep the map short.
const CHUNK_BYTES: usize = 64 << 10;
/// [`CHUNK_BYTES`] for positions.
const CHUNK: u64 = CHUNK_BYTES as u64;

/// A disk of a fixed size that starts as zeros.
#[derive(Clone)]
pub struct Memory {
    /// Length in bytes.
    bytes: u64,
    /// Written chunks, by index.
    chunks: BTreeMap<u64, Box<[u8]>>,
}

impl Memory {
    /// Returns a disk of `bytes` zeros.
    #[must_use]
    pub fn new(bytes: u64) -> Memory {
        Memory { bytes, chunks: BTreeMap::new() }
    }

    /// Splits a range into (chunk, offset in the chunk, length).
    fn pieces(&self, offset: u64, length: usize) -> io::Result<Vec<(u64, usize, usize)>> {
        let end = offset.checked_add(length as u64).filter(|e| *e <= self.bytes);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut pieces = Vec::new();
        let mut at = offset;
        while at < end {
            let upto = end.min((at / CHUNK + 1) * CHUNK);
            let within = usize::try_from(at % CHUNK).map_err(io::Error::other)?;
            pieces.push((at / CHUNK, within, usize::try_from(upto - at).map_err(io::Error::other)?));
            at = upto;
        }
        Ok(pieces)
    }
}

impl fmt::Debug for Memory {
    /// Leaves out the content, which may be large.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("bytes", &self.bytes).field("chunks", &self.chunks.len()).finish()
    }
}

impl ReadAt for Memory {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut rest = buf;
        for (chunk, within, length) in self.pieces(offset, rest.len())? {
            let (part, tail) = rest.split_at_mut(length);
            match self.chunks.get(&chunk) {
                Some(bytes) => part.copy_from_slice(&bytes[within..within + length]),
                None => part.fill(0),
            }
            rest = tail;
        }
        Ok(())
    }

    fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let mut chunks = self.chunks.range(from / CHUNK..).map(|(chunk, _)| *chunk);
        let Some(first) = chunks.next() else { return Ok(None) };
        let mut last = first;
        while chunks.next() == Some(last + 1) {
            last += 1;
        }
        let start = from.max(first * CHUNK);
        let end = self.bytes.min((last + 1) * CHUNK);
        Ok((start < end).then_some(start..end))
    }
}

impl WriteAt for Memory {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut rest = bytes;
        for (chunk, within, length) in self.pieces(offset, rest.len())? {
            let (part, tail) = rest.split_at(length);
            rest = tail;
            if part.iter().all(|b| *b == 0) && !self.chunks.contains_key(&chunk) {
                continue;
            }
            let bytes = self.chunks.entry(chunk).or_insert_with(|| vec![0; CHUNK_BYTES].into());
            bytes[within..within + length].copy_from_slice(part);
        }
        Ok(())
    }

    fn zero_at(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let end = offset.checked_add(length).filter(|e| *e <= self.bytes);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        for (chunk, bytes) in self.chunks.range_mut(offset / CHUNK..end.div_ceil(CHUNK)) {
            let start = chunk * CHUNK;
            let from = usize::try_from(offset.saturating_sub(start)).map_err(io::Error::other)?;
            let upto = usize::try_from((end - start).min(CHUNK)).map_err(io::Error::other)?;
            bytes[from..upto].fill(0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_across_chunks_and_keeps_holes() {
        let mut disk = Memory::new(10 * CHUNK + 7);
        disk.write_all_at(b"abcdef", 3 * CHUNK - 3).unwrap();
        let mut buf = [1; 8];
        disk.read_exact_at(&mut buf, 3 * CHUNK - 4).unwrap();
        assert_eq!(&buf, b"\0abcdef\0");
        assert_eq!(disk.next_data(0).unwrap(), Some(2 * CHUNK..4 * CHUNK));
        assert_eq!(disk.next_data(3 * CHUNK + 1).unwrap(), Some(3 * CHUNK + 1..4 * CHUNK));
        assert_eq!(disk.next_data(4 * CHUNK).unwrap(), None);
    }

    #[test]
    fn zeros_take_no_room_and_overwrite() {
        let mut disk = Memory::new(4 * CHUNK);
        disk.write_all_at(&[0; 100], 0).unwrap();
        assert_eq!(disk.next_data(0).unwrap(), None);
        disk.write_all_at(&[9; 100], CHUNK).unwrap();
        disk.zero_at(CHUNK + 1, 98).unwrap();
        let mut buf = [1; 100];
        disk.read_exact_at(&mut buf, CHUNK).unwrap();
        assert_eq!((buf[0], buf[1], buf[98], buf[99]), (9, 0, 0, 9));
    }

    #[test]
    fn nothing_leaves_the_disk() {
        let mut disk = Memory::new(100);
        assert!(disk.write_all_at(&[1; 2], 99).is_err());
        assert!(disk.read_exact_at(&mut [0; 2], u64::MAX).is_err());
        assert!(disk.zero_at(99, 2).is_err());
    }
}

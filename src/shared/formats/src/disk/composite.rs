//! A disk composed of others: large parts stay where they are and are read from there.

use std::fmt;
use std::io;
use std::ops::Range;

use super::{Memory, ReadAt};

/// A disk that contains other disks: a base in memory, and parts over it at their offsets.
///
/// Holes depend only on base and parts, not on a file system, so that what is written from it is the same
/// everywhere.
pub struct Composite<'a> {
    base: Memory,
    /// Offsets and parts, in the order in which they were added.
    parts: Vec<(u64, &'a dyn ReadAt)>,
}

impl<'a> Composite<'a> {
    /// Returns a disk with the length and the content of `base`.
    #[must_use]
    pub fn new(base: Memory) -> Composite<'a> {
        Composite { base, parts: Vec::new() }
    }

    /// Adds a part at `offset`, over what is there; `None` if it exceeds the disk.
    #[must_use]
    pub fn with(mut self, offset: u64, part: &'a dyn ReadAt) -> Option<Composite<'a>> {
        let fits = offset.checked_add(part.len())? <= self.base.len();
        self.parts.push((offset, part));
        fits.then_some(self)
    }
}

impl fmt::Debug for Composite<'_> {
    /// Leaves out the content, which may be large.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.parts.iter().map(|(offset, part)| *offset..offset + part.len()).collect();
        f.debug_struct("Composite").field("base", &self.base).field("parts", &parts).finish()
    }
}

impl ReadAt for Composite<'_> {
    fn len(&self) -> u64 {
        self.base.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.base.read_exact_at(buf, offset)?;
        let end = offset + buf.len() as u64;
        for (at, part) in &self.parts {
            let (from, upto) = (offset.max(*at), end.min(at + part.len()));
            if from < upto {
                let within = |at: u64| usize::try_from(at - offset).map_err(io::Error::other);
                part.read_exact_at(&mut buf[within(from)?..within(upto)?], from - at)?;
            }
        }
        Ok(())
    }

    fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let mut first = self.base.next_data(from)?;
        for (at, part) in &self.parts {
            let found = part.next_data(from.saturating_sub(*at))?.map(|r| at + r.start..at + r.end);
            let nearer = |r: &Range<u64>| first.as_ref().is_none_or(|f| r.start < f.start);
            first = found.filter(nearer).or(first);
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::WriteAt;

    const MIB: u64 = 1 << 20;

    #[test]
    fn parts_lie_over_the_base_and_holes_are_those_of_both() {
        let mut base = Memory::new(8 * MIB);
        base.write_all_at(b"base", 4 * MIB - 2).unwrap();
        let mut sparse = Memory::new(2 * MIB);
        sparse.write_all_at(b"sparse", MIB).unwrap();
        let whole = b"part".to_vec();
        let disk = Composite::new(base).with(4 * MIB, &whole).unwrap().with(5 * MIB, &sparse).unwrap();
        let mut buf = [1; 8];
        disk.read_exact_at(&mut buf, 4 * MIB - 3).unwrap();
        assert_eq!(&buf, b"\0bapart\0");
        let mut data = Vec::new();
        let mut next = 0;
        while let Some(range) = disk.next_data(next).unwrap() {
            next = range.end;
            data.push(range);
        }
        let chunk = 64 << 10;
        // The part is within a chunk of the base that contains data.
        assert_eq!(data, [4 * MIB - chunk..4 * MIB + chunk, 6 * MIB..6 * MIB + chunk]);
        assert!(disk.read_exact_at(&mut [0; 2], 8 * MIB - 1).is_err());
    }

    #[test]
    fn a_part_that_leaves_the_disk_is_refused() {
        let part = vec![1; 3];
        assert!(Composite::new(Memory::new(8)).with(5, &part).is_some());
        assert!(Composite::new(Memory::new(8)).with(6, &part).is_none());
        assert!(Composite::new(Memory::new(8)).with(u64::MAX, &part).is_none());
    }
}

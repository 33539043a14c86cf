//! Copies one disk to another.

use std::io;

use super::{ReadAt, WriteAt, read_vec};

/// Bytes copied at once.
const CHUNK: u64 = 1 << 20;

/// The previous content of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Zeros, as in a new file: holes stay holes.
    Zeros,
    /// Arbitrary data, as on the disk of a machine: holes of the source are written as zeros.
    OldData,
}

/// Copies all of `from` to offset `offset` of `to`; holes are found with [`ReadAt::next_data`].
///
/// # Errors
/// The I/O error of either disk; `to` is then partly written.
pub fn copy(
    from: &(impl ReadAt + ?Sized),
    to: &mut (impl WriteAt + ?Sized),
    offset: u64,
    before: Before,
) -> io::Result<()> {
    let mut done = 0;
    while let Some(range) = from.next_data(done)? {
        zero(to, offset, done..range.start, before)?;
        let mut at = range.start;
        while at < range.end {
            let length = (range.end - at).min(CHUNK);
            to.write_all_at(&read_vec(from, at, length)?, offset + at)?;
            at += length;
        }
        done = range.end;
    }
    zero(to, offset, done..from.len(), before)
}

/// Writes zeros to the target for a hole of the source.
fn zero(
    to: &mut (impl WriteAt + ?Sized),
    offset: u64,
    hole: std::ops::Range<u64>,
    before: Before,
) -> io::Result<()> {
    match before {
        Before::OldData if !hole.is_empty() => to.zero_at(offset + hole.start, hole.end - hole.start),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Memory;

    const MIB: u64 = 1 << 20;

    /// A disk with data at its start, in the middle, and over more than one chunk, and none at its end.
    fn source() -> Memory {
        let mut disk = Memory::new(8 * MIB);
        disk.write_all_at(b"start", 0).unwrap();
        disk.write_all_at(&vec![7; 2 << 20], 3 * MIB + 5).unwrap();
        disk
    }

    #[test]
    fn old_data_does_not_shine_through_and_neighbours_stay() {
        for (before, bytes) in [(Before::Zeros, 0), (Before::OldData, 9)] {
            let mut target = Memory::new(10 * MIB);
            target.write_all_at(&vec![bytes; 10 << 20], 0).unwrap();
            copy(&source(), &mut target, MIB, before).unwrap();
            let all = read_vec(&target, 0, 10 * MIB).unwrap();
            let (first, rest) = all.split_at(1 << 20);
            let (copied, last) = rest.split_at(8 << 20);
            assert!(copied == read_vec(&source(), 0, 8 * MIB).unwrap(), "{before:?}");
            assert!(first.iter().chain(last).all(|b| *b == bytes), "{before:?}");
        }
    }

    #[test]
    fn holes_of_a_fresh_target_take_no_room() {
        let mut target = Memory::new(8 * MIB);
        copy(&source(), &mut target, 0, Before::Zeros).unwrap();
        assert_eq!(target.next_data(MIB).unwrap(), source().next_data(MIB).unwrap());
        assert_eq!(target.next_data(6 * MIB).unwrap(), None);
    }

    #[test]
    fn a_target_that_is_too_short_is_an_error() {
        assert!(copy(&source(), &mut Memory::new(4 * MIB), 0, Before::Zeros).is_err());
        assert!(copy(&source(), &mut Memory::new(7 * MIB), 0, Before::OldData).is_err());
    }
}

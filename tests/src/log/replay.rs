//! The possible content of a region of a disk after a power cut at any point of its operations. Pure.
//!
//! Everything written before a flush is there. Of each later write, the disk may have nothing, all, or the
//! first half of its first sector: whatever is read is one sector long, so other parts of a longer write need
//! not be considered.

/// Number of bytes left by a torn write.
const TORN_BYTES: usize = 256;
/// Maximum number of writes between two flushes: each triples the number of states.
const MOST_PENDING: usize = 7;

/// One operation on the region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Bytes were written.
    Write {
        /// Offset in the region.
        at: usize,
        /// The data.
        bytes: Vec<u8>,
        /// Whether it was on the medium when it was completed.
        lasting: bool,
    },
    /// Everything written before is on the medium.
    Flush,
}

/// What a power cut leaves of a write.
#[derive(Clone, Copy)]
enum Left {
    Nothing,
    Torn,
    All,
}

/// Passes to `check` each state that a power cut can leave of a region that held `before`; returns their
/// number.
///
/// The first is the unchanged region. A state may occur twice, by different cuts.
///
/// # Panics
/// If a write exceeds the region, or more than seven writes are pending at once.
pub fn cuts(before: &[u8], changes: &[Change], mut check: impl FnMut(&[u8])) -> usize {
    let (mut lasting, mut pending) = (before.to_vec(), Vec::new());
    let mut states = 1;
    check(&lasting);
    for change in changes {
        match change {
            Change::Flush => {
                pending.drain(..).for_each(|(at, bytes)| put(&mut lasting, at, bytes, Left::All));
            }
            Change::Write { at, bytes, lasting: lasts } => {
                pending.push((*at, bytes.as_slice()));
                states += combinations(&lasting, &pending, &mut check);
                if *lasts {
                    pending.pop();
                    put(&mut lasting, *at, bytes, Left::All);
                }
            }
        }
    }
    states
}

/// Passes on all states that `pending` can leave in which something of the last write is left.
fn combinations(before: &[u8], pending: &[(usize, &[u8])], check: &mut impl FnMut(&[u8])) -> usize {
    assert!(pending.len() <= MOST_PENDING, "{} writes wait for a flush", pending.len());
    let Some((last, earlier)) = pending.split_last() else { return 0 };
    let mut states = vec![before.to_vec()];
    for (write, kinds) in earlier
        .iter()
        .map(|w| (w, &[Left::Nothing, Left::Torn, Left::All][..]))
        .chain([(last, &[Left::Torn, Left::All][..])])
    {
        let with = |state: &Vec<u8>, left| {
            let mut state = state.clone();
            put(&mut state, write.0, write.1, left);
            state
        };
        states = states.iter().flat_map(|s| kinds.iter().map(move |left| with(s, *left))).collect();
    }
    states.iter().for_each(|state| check(state));
    states.len()
}

/// Writes the part of `bytes` that is left to `at`.
fn put(state: &mut [u8], at: usize, bytes: &[u8], left: Left) {
    let bytes = match left {
        Left::Nothing => &[],
        Left::Torn => &bytes[..bytes.len().min(TORN_BYTES)],
        Left::All => bytes,
    };
    state[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(at: usize, byte: u8, lasting: bool) -> Change {
        Change::Write { at, bytes: vec![byte; 512], lasting }
    }

    /// Returns the first and the last byte of both sectors, for each state.
    fn states(changes: &[Change]) -> Vec<[u8; 4]> {
        let mut found = Vec::new();
        let count = cuts(&[0; 1024], changes, |s| found.push([s[0], s[511], s[512], s[1023]]));
        assert_eq!(count, found.len());
        found
    }

    #[test]
    fn a_write_is_missing_torn_or_there() {
        assert_eq!(states(&[write(0, 1, false)]), [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]]);
    }

    #[test]
    fn what_was_flushed_stays() {
        let found = states(&[write(0, 1, false), Change::Flush, write(512, 2, false)]);
        assert_eq!(found[3..], [[1, 1, 2, 0], [1, 1, 2, 2]]);
    }

    #[test]
    fn what_lasts_needs_no_flush() {
        let found = states(&[write(0, 1, true), write(512, 2, false)]);
        assert_eq!(found[3..], [[1, 1, 2, 0], [1, 1, 2, 2]]);
    }

    #[test]
    fn writes_overtake_each_other_until_a_flush() {
        let found = states(&[write(0, 1, false), write(512, 2, false)]);
        assert_eq!(found.len(), 1 + 2 + 6);
        assert!(found.contains(&[0, 0, 2, 2]));
    }
}

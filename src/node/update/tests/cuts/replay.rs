//! The disks that a power cut can leave, from the log of an update.
//!
//! A sector is old or new. What was written before a sync of its partition is on the medium after it; of
//! everything else, each sector may be there or not, whatever the order of the writes. A record may also be
//! neither: half a sector, which a medium must not leave but some do.

use slots::{Partition, RECORD_BYTES};

use crate::disk::Op;
use crate::layout::{Layout, SECTOR};

/// Which cuts are made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Number of sectors between two systematic cuts; 1 makes all of them.
    pub stride: usize,
    /// Maximum number of random sets of sectors before each sync.
    pub random: usize,
}

/// How many cuts there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// With all writes in order.
    pub in_order: usize,
    /// With reordered writes.
    pub reordered: usize,
}

/// A sector that is not synced yet.
struct Sector<'a> {
    partition: Partition,
    at: usize,
    bytes: &'a [u8],
}

/// The state between two cuts.
struct Replay<'a, J> {
    plan: Plan,
    /// What is certainly on the medium.
    synced: Vec<u8>,
    /// What else was written, in order.
    pending: Vec<Sector<'a>>,
    /// The disk with all pending writes.
    ordered: Vec<u8>,
    /// A buffer for one disk.
    scratch: Vec<u8>,
    random: u64,
    count: Count,
    judge: J,
}

/// Passes the disk after each cut to `judge`; stops at the first one that it rejects.
pub fn cuts(
    (layout, start): (Layout, &[u8]),
    log: &[Op],
    plan: Plan,
    judge: impl FnMut(&mut [u8]) -> Result<(), String>,
) -> Result<Count, String> {
    assert_eq!(start.len(), layout.bytes());
    let (synced, ordered, scratch) = (start.to_vec(), start.to_vec(), start.to_vec());
    let (pending, count, random) = (Vec::new(), Count::default(), 0x9e37_79b9_7f4a_7c15);
    let mut replay = Replay { plan, synced, pending, ordered, scratch, random, count, judge };
    replay.cut_in_order("before the first write")?;
    for (i, op) in log.iter().enumerate() {
        match op {
            Op::Write { partition, at, bytes } => {
                replay.write(*partition, *at, bytes).map_err(|e| format!("write {i}: {e}"))?;
            }
            Op::Sync(partition) => {
                replay.reorder().map_err(|e| format!("before sync {i}: {e}"))?;
                replay.sync(*partition);
            }
        }
    }
    replay.reorder().map_err(|e| format!("after the last write: {e}"))?;
    Ok(replay.count)
}

impl<'a, J: FnMut(&mut [u8]) -> Result<(), String>> Replay<'a, J> {
    /// Cuts after sectors of a write, in order.
    fn write(&mut self, partition: Partition, at: usize, bytes: &'a [u8]) -> Result<(), String> {
        if partition == Partition::BootState {
            self.scratch.copy_from_slice(&self.ordered);
            self.scratch[at + RECORD_BYTES / 2..at + RECORD_BYTES].fill(0x5a);
            self.count.in_order += 1;
            (self.judge)(&mut self.scratch).map_err(|e| format!("the record is torn: {e}"))?;
        }
        let mut rest = bytes.chunks(SECTOR).enumerate().peekable();
        while let Some((i, bytes)) = rest.next() {
            let at = at + i * SECTOR;
            self.pending.push(Sector { partition, at, bytes });
            self.ordered[at..at + bytes.len()].copy_from_slice(bytes);
            if i.is_multiple_of(self.plan.stride) || rest.peek().is_none() {
                self.cut_in_order(&format!("after sector {i}"))?;
            }
        }
        Ok(())
    }

    /// Cuts with all writes in order.
    fn cut_in_order(&mut self, place: &str) -> Result<(), String> {
        self.count.in_order += 1;
        (self.judge)(&mut self.ordered).map_err(|e| format!("{place}: {e}"))
    }

    /// Cuts with subsets of the pending sectors.
    fn reorder(&mut self) -> Result<(), String> {
        let length = self.pending.len();
        self.cut(|_| false).map_err(|e| format!("no sector: {e}"))?;
        // A single sector can't be reordered.
        for alone in (0..length).step_by(self.plan.stride).filter(|_| length > 1) {
            self.cut(|i| i != alone).map_err(|e| format!("all but sector {alone}: {e}"))?;
            self.cut(|i| i == alone).map_err(|e| format!("sector {alone} alone: {e}"))?;
        }
        let sets = if length > 2 { self.plan.random.min(8 * length) } else { 0 };
        for set in 0..sets {
            // From hardly any to nearly all sectors, of a part or of everything that was written.
            let (share, upto) = (self.next() % 256, 1 + self.below(length));
            let chosen: Vec<bool> = (0..length).map(|i| i < upto && self.next() % 256 < share).collect();
            self.cut(|i| chosen[i]).map_err(|e| format!("random set {set}: {e}"))?;
        }
        Ok(())
    }

    /// Cuts with the chosen pending sectors.
    fn cut(&mut self, chosen: impl Fn(usize) -> bool) -> Result<(), String> {
        self.scratch.copy_from_slice(&self.synced);
        for (_, sector) in self.pending.iter().enumerate().filter(|(i, _)| chosen(*i)) {
            sector.put(&mut self.scratch);
        }
        self.count.reordered += 1;
        (self.judge)(&mut self.scratch)
    }

    /// Puts everything written to a partition on the medium.
    fn sync(&mut self, partition: Partition) {
        let (done, pending) =
            std::mem::take(&mut self.pending).into_iter().partition(|s| s.partition == partition);
        self.pending = pending;
        let done: Vec<Sector<'_>> = done;
        done.iter().for_each(|sector| sector.put(&mut self.synced));
    }

    /// Returns the next random number: xorshift, the same in each run.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 8
    }

    /// Returns a random number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

impl Sector<'_> {
    fn put(&self, disk: &mut [u8]) {
        disk[self.at..self.at + self.bytes.len()].copy_from_slice(self.bytes);
    }
}

//! The recorded disk: every write and sync of the updater and of the boot record goes to one log.
//!
//! It has a medium and a cache: reads see the cache, and the medium only after [`Device::forget`]. Its
//! [`Habits`] are those of a sound disk, or of one that fails or corrupts data.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use formats::disk::ReadAt;
use slots::{HEADER_BYTES, Partition};
use update::Device;

use crate::layout::{Layout, SECTOR};

/// An operation on the disk.
#[derive(Clone, PartialEq, Eq)]
pub enum Op {
    /// Bytes were written at an offset of the disk.
    Write { partition: Partition, at: usize, bytes: Vec<u8> },
    /// Everything written to the partition so far is on the medium.
    Sync(Partition),
}

/// How the medium corrupts data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The sector at this offset keeps its old content.
    Drop(usize),
    /// One bit of the byte at this offset is flipped.
    Flip(usize),
}

/// How a disk behaves.
#[derive(Clone, Copy)]
pub struct Habits {
    /// The call that fails, counted from 0 over writes, syncs and reads.
    pub fails_at: Option<usize>,
    pub lie: Option<Lie>,
    /// Partitions whose syncs succeed without doing anything.
    pub swallows: fn(Partition) -> bool,
    /// Whether reads after [`Device::forget`] come from the medium.
    pub forgets: bool,
    /// What is written instead of a cleared header.
    pub header: Option<[u8; HEADER_BYTES]>,
}

impl Habits {
    /// A disk without faults.
    pub const SOUND: Habits =
        Habits { fails_at: None, lie: None, swallows: |_| false, forgets: true, header: None };
}

/// The disk, shared by all who write to it.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

/// The state of a disk.
pub struct State {
    pub layout: Layout,
    pub medium: Vec<u8>,
    pub log: Vec<Op>,
    pub calls: usize,
    seen: Vec<u8>,
    habits: Habits,
}

impl Disk {
    pub fn new(layout: Layout, bytes: Vec<u8>, habits: Habits) -> Disk {
        let seen = bytes.clone();
        Disk(Arc::new(Mutex::new(State { layout, medium: bytes, log: Vec::new(), calls: 0, seen, habits })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn open(&self, partition: Partition) -> Opened {
        Opened { disk: self.clone(), partition }
    }
}

impl State {
    /// Counts a call; one of them may fail.
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.habits.fails_at {
            Some(at) if at + 1 == self.calls => Err(io::Error::other("the disk failed")),
            _ => Ok(()),
        }
    }

    /// Logs a write and performs it as the medium does.
    fn put(&mut self, partition: Partition, at: usize, bytes: &[u8]) {
        self.log.push(Op::Write { partition, at, bytes: bytes.to_vec() });
        let range = at..at + bytes.len();
        self.seen[range.clone()].copy_from_slice(bytes);
        let Some(lie) = self.habits.lie else {
            self.medium[range].copy_from_slice(bytes);
            return;
        };
        let (Lie::Drop(place) | Lie::Flip(place)) = lie;
        let sector = place / SECTOR * SECTOR..place / SECTOR * SECTOR + SECTOR;
        let before = self.medium[sector.clone()].to_vec();
        self.medium[range.clone()].copy_from_slice(bytes);
        match lie {
            Lie::Drop(_) => self.medium[sector].copy_from_slice(&before),
            Lie::Flip(place) if range.contains(&place) => self.medium[place] ^= 0x10,
            Lie::Flip(_) => {}
        }
    }
}

/// A partition of the disk.
pub struct Opened {
    disk: Disk,
    partition: Partition,
}

impl Opened {
    /// Returns the offset on the disk of `length` bytes at `offset`.
    fn place(&self, state: &State, offset: u64, length: usize) -> io::Result<usize> {
        let range = state.layout.range(self.partition);
        let at = usize::try_from(offset).ok().filter(|at| *at <= range.len() && length <= range.len() - at);
        Ok(range.start + at.ok_or(io::ErrorKind::UnexpectedEof)?)
    }
}

impl ReadAt for Opened {
    fn len(&self) -> u64 {
        self.disk.state().layout.range(self.partition).len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let at = self.place(&state, offset, buf.len())?;
        state.call()?;
        buf.copy_from_slice(&state.seen[at..at + buf.len()]);
        Ok(())
    }
}

impl Device for Opened {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let at = self.place(&state, offset, bytes.len())?;
        if let Err(failed) = state.call() {
            // The worst case: part of it is written.
            let half = bytes.len() / 2 / SECTOR * SECTOR;
            state.put(self.partition, at, &bytes[..half]);
            return Err(failed);
        }
        let empties = bytes == [0; HEADER_BYTES] && offset == 0;
        match state.habits.header.filter(|_| empties) {
            Some(header) => state.put(self.partition, at, &header),
            None => state.put(self.partition, at, bytes),
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call()?;
        if !(state.habits.swallows)(self.partition) {
            state.log.push(Op::Sync(self.partition));
        }
        Ok(())
    }

    fn forget(&self) {
        let state = &mut *self.disk.state();
        if state.habits.forgets {
            let range = state.layout.range(self.partition);
            state.seen[range.clone()].copy_from_slice(&state.medium[range]);
        }
    }
}

impl Op {
    /// The offset and the bytes of a write.
    pub fn written(&self) -> Option<(usize, &[u8])> {
        match self {
            Op::Write { at, bytes, .. } => Some((*at, bytes)),
            Op::Sync(_) => None,
        }
    }
}

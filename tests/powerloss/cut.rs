//! Disks that a power cut can leave.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use e2e::image;
use e2e::log::{Event, Write};
use e2e::seed::Random;

use crate::record::Recording;

/// The probability with which a write that was not flushed is there.
const KEPT: f64 = 0.5;

/// Replays a recording.
pub struct Cutter<'a> {
    recording: &'a Recording,
    /// The disk as it is after all operations up to the last flush before `done`.
    medium: PathBuf,
    done: usize,
    /// Operations since that flush.
    pending: Vec<&'a Event>,
}

/// Returns `count` points at which the power is cut, as numbers of operations before them, in ascending order. Half of
/// them are chosen at random; the others are just before the next flush, where most writes are still pending.
pub fn places(random: &mut Random, events: &[Event], count: usize) -> Vec<usize> {
    let to_flush = |at: usize| at + events[at..].iter().take_while(|event| **event != Event::Flush).count();
    let place = |number: usize| match random.index(events.len() + 1) {
        at if number.is_multiple_of(2) => at,
        at => to_flush(at),
    };
    let mut places: Vec<usize> = (0..count).map(place).collect();
    places.sort_unstable();
    places
}

impl<'a> Cutter<'a> {
    /// Begins with the disk before the first operation; its copy is `medium`.
    pub fn new(recording: &'a Recording, medium: &Path) -> Cutter<'a> {
        image::copy(&recording.base, medium);
        File::options().write(true).open(medium).unwrap().set_len(recording.bytes).unwrap();
        Cutter { recording, medium: medium.to_owned(), done: 0, pending: Vec::new() }
    }

    /// Writes to `disk` what a cut after the first `at` operations may leave; returns how many writes are not in it.
    /// `at` must not be less than at the last call.
    pub fn disk(&mut self, at: usize, random: &mut Random, disk: &Path) -> usize {
        let medium = File::options().write(true).open(&self.medium).unwrap();
        for event in &self.recording.log.events[self.done..at] {
            match event {
                Event::Flush => {
                    let flushed = std::mem::take(&mut self.pending);
                    flushed.into_iter().for_each(|event| self.apply(event, &medium));
                }
                other => self.pending.push(other),
            }
        }
        self.done = at;
        image::copy(&self.medium, disk);
        let cut = File::options().write(true).open(disk).unwrap();
        let mut left_out = 0;
        for event in &self.pending {
            let lasting = matches!(event, Event::Write(Write { lasting: true, .. }));
            if lasting || random.part() < KEPT {
                self.apply(event, &cut);
            } else {
                left_out += 1;
            }
        }
        left_out
    }

    fn apply(&self, event: &Event, disk: &File) {
        match event {
            Event::Flush => {}
            Event::Write(write) => {
                let data = self.recording.log.data(write).unwrap();
                disk.write_all_at(&data, write.range.start).unwrap();
            }
            // What is read afterwards is undefined; devices usually return zeros.
            Event::Discard(range) => discard(disk, range),
        }
    }
}

fn discard(disk: &File, range: &Range<u64>) {
    use rustix::fs::{FallocateFlags, fallocate};
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(disk, flags, range.start, range.end - range.start).unwrap();
}

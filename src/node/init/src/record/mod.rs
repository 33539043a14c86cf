//! The boot record in `init`: what the disk says, what runs, and writing the decisions.
//!
//! `init` alone writes it while the node runs; others ask over the control socket. What to write is
//! decided in `slots`, never here. A disk without a record (not made by our builder) is reported once, and everything
//! else works.

mod death;
mod handoff;
mod store;

use std::path::{Path, PathBuf};

use anyhow::Context;
use slots::{Current, Handoff, Header, Pair, Record, Running, Slot, Why};

use crate::base::Base;
use crate::blocks::Block;
pub(crate) use death::note_death;
use store::Store;

/// How long in milliseconds reading it may take.
const READ_LIMIT_MS: u64 = 600_000;

/// The record of the disk that runs.
#[derive(Debug)]
pub(crate) struct BootRecord {
    store: Store,
    current: Current,
    running: Running,
}

impl BootRecord {
    /// Returns a record of no disk.
    #[cfg(test)]
    pub(crate) fn nowhere(record: Record, running: Running) -> BootRecord {
        let current = Current { record, write_to: slots::Place::Second, rebuilt: false };
        BootRecord { store: Store::nowhere(), current, running }
    }

    /// Reads the record of the disk that `root` is on.
    ///
    /// # Errors
    /// When `root` is in no slot, the disk has no place for a record or does not answer. What the boot loader said is a
    /// hint only: that it can't be read is no error.
    pub(crate) fn open(base: &mut Base, root: &Block) -> anyhow::Result<BootRecord> {
        let Some(slot) = slot_of(&root.label) else {
            anyhow::bail!("the root is on {} ({}), which is no slot's", root.name, root.label);
        };
        let store = Store::find(&root.disk)?;
        let raw = base.in_child(READ_LIMIT_MS, |_| store.read()).context("reading the boot record")?;
        let found = raw.parse();
        let current = Current::new(found.first, found.second, &found.headers);
        let running = running(slot, handoff::load(), &current.record, &found.headers);
        Ok(BootRecord { store, current, running })
    }

    /// Returns the record that counts.
    pub(crate) const fn record(&self) -> &Record {
        &self.current.record
    }

    /// Returns what runs.
    pub(crate) const fn running(&self) -> Running {
        self.running
    }

    /// Returns whether both records were lost.
    pub(crate) const fn is_rebuilt(&self) -> bool {
        self.current.rebuilt
    }

    /// Returns the path of the partition that holds the running kernel.
    pub(crate) fn kernel(&self) -> &Path {
        self.store.kernel(self.running.slot)
    }

    /// Returns the paths of a slot's partitions, kernel and root; the empty path for one that is not there.
    pub(crate) fn partitions(&self, slot: Slot) -> (&Path, &Path) {
        (self.store.kernel(slot), self.store.root(slot))
    }

    /// Returns what has to be written so that `next` counts: partition, place in bytes, sector. Until it is on the disk
    /// the record that counted before still does.
    pub(crate) fn sector(&self, next: &Record) -> (PathBuf, u64, Vec<u8>) {
        let (path, offset) = self.store.place(self.current.write_to);
        (path.to_owned(), offset, next.encode().to_vec())
    }

    /// Notes that `next` is on the disk and counts.
    pub(crate) fn was_written(&mut self, next: Record) {
        self.current = Current { record: next, write_to: self.current.write_to.other(), rebuilt: false };
    }
}

/// Returns the unique GUID, as partition tables have it, of the partition whose kernel the boot loader says to have
/// started.
pub(crate) fn started_partition() -> Option<[u8; 16]> {
    handoff::load()?.partition
}

/// Returns the slot that the boot loader has just started, by the record on `disk`.
pub(crate) fn attempt(disk: &str) -> Option<Slot> {
    let found = Store::find(disk).ok()?.load();
    Current::new(found.first, found.second, &found.headers).record.attempt
}

/// Returns the slot that a root partition belongs to.
fn slot_of(label: &str) -> Option<Slot> {
    Slot::ALL.into_iter().find(|s| s.root().label() == label)
}

/// Decides what runs. The verified root tells the slot; what the boot loader said counts only if it
/// says the same.
fn running(slot: Slot, handoff: Option<Handoff>, record: &Record, headers: &Pair<Option<Header>>) -> Running {
    let handoff = handoff.filter(|h| h.slot == slot);
    let on_disk = headers.get(slot).map_or(record.slots.get(slot).generation, |h| h.generation);
    Running {
        slot,
        generation: handoff.map_or(on_disk, |h| h.generation),
        why: handoff.map_or(Why::Unknown, |h| h.why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verified_root_tells_the_slot() {
        let record = Record::installed(0);
        let said = Handoff { slot: Slot::A, generation: 7, tries_left: 1, why: Why::Forced, partition: None };
        let run = |slot, said| running(slot, said, &record, &Pair::default());
        let forced = Running { slot: Slot::A, generation: 7, why: Why::Forced };
        assert_eq!(run(Slot::A, Some(said)), forced);
        let unknown = Running { slot: Slot::B, generation: 0, why: Why::Unknown };
        assert_eq!(run(Slot::B, Some(said)), unknown);
        assert_eq!(run(Slot::A, None), Running { slot: Slot::A, generation: 1, why: Why::Unknown });
    }

    #[test]
    fn header_tells_the_generation_before_the_record() {
        let header = Header { length: 1, sha256: [0; 32], generation: 9, epoch: 0 };
        let headers = Pair { a: Some(header), b: None };
        assert_eq!(running(Slot::A, None, &Record::installed(0), &headers).generation, 9);
    }

    #[test]
    fn only_root_partitions_have_a_slot() {
        assert_eq!(slot_of("root-b"), Some(Slot::B));
        assert_eq!(slot_of("kernel-b"), None);
        assert_eq!(slot_of(""), None);
    }
}

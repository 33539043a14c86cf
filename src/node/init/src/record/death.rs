//! Records a failure in the initrd, when no root identifies the disk yet.
//!
//! The disk is the one whose record has the same start in progress as the boot loader reported. In any doubt (no
//! report, no such disk, two of them) nothing is written: a wrong record is worse than none.

use std::collections::BTreeSet;

use slots::{Current, Handoff, Partition, Reason, Slot};

use super::handoff;
use super::store::Store;
use crate::blocks;

/// Writes `reason` as the last failure of the slot that the boot loader started; returns the slot, or
/// `None` if it is in doubt which one that was. Takes no try: the boot loader has.
///
/// # Errors
/// The write's.
pub(crate) fn note_death(reason: Reason) -> anyhow::Result<Option<Slot>> {
    let Some(said) = handoff::load() else { return Ok(None) };
    let found = stores(said.partition).into_iter().map(|store| {
        let found = store.load();
        let current = Current::new(found.first, found.second, &found.headers);
        (store, current)
    });
    let Some((store, current)) = the_only(found.filter(|(_, current)| is_under_way(current, &said))) else {
        return Ok(None);
    };
    store.write(current.write_to, &slots::note(&current.record, said.slot, reason))?;
    Ok(Some(said.slot))
}

/// Returns the records of all disks that have a place for one; with `started`, the unique GUID of a partition, only of
/// the disk that has it.
fn stores(started: Option<[u8; 16]>) -> Vec<Store> {
    let label = Partition::BootState.label();
    let disks: BTreeSet<String> =
        blocks::list().into_iter().filter(|b| b.label == label).map(|b| b.disk).collect();
    let is_started = |disk: &&String| started.is_none_or(|unique| blocks::has_partition(disk, unique));
    disks.iter().filter(is_started).filter_map(|disk| Store::find(disk).ok()).collect()
}

/// Returns whether the record has the start under way that the boot loader told of.
fn is_under_way(current: &Current, said: &Handoff) -> bool {
    let entry = current.record.slots.get(said.slot);
    !current.rebuilt
        && current.record.attempt == Some(said.slot)
        && entry.generation == said.generation
        && entry.tries_left == said.tries_left
}

/// Returns the element of a sequence that has just one.
fn the_only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Boot, Header, Pair, Record, Why};

    /// What a disk and the boot loader say after the first start of a new disk.
    fn started() -> (Current, Handoff) {
        let header = Header { length: 1, sha256: [0; 32], generation: 1, epoch: 0 };
        let headers = Pair { a: Some(header), b: None };
        let start = Boot::new(Some(Record::installed(0)), None, &headers).next_start().unwrap();
        let current = Current::new(Some(start.record), None, &headers);
        let (slot, generation, tries_left) = (start.slot, start.generation, start.tries_left);
        (current, Handoff { slot, generation, tries_left, why: Why::HasTries, partition: None })
    }

    #[test]
    fn the_start_that_was_told_is_under_way() {
        let (current, said) = started();
        assert!(is_under_way(&current, &said));
    }

    #[test]
    fn any_other_start_is_somebody_elses() {
        let (current, said) = started();
        for other in [
            Handoff { slot: Slot::B, ..said },
            Handoff { generation: 2, ..said },
            Handoff { tries_left: 9, ..said },
        ] {
            assert!(!is_under_way(&current, &other), "{other:?}");
        }
        let mut answered = current;
        answered.record.attempt = None;
        assert!(!is_under_way(&answered, &said));
        assert!(!is_under_way(&Current { rebuilt: true, ..current }, &said));
    }

    #[test]
    fn two_disks_are_one_too_many() {
        assert_eq!(the_only([7].into_iter()), Some(7));
        assert_eq!(the_only([7, 7].into_iter()), None);
        assert_eq!(the_only(std::iter::empty::<u8>()), None);
    }

    #[test]
    fn a_note_takes_no_try_and_stands_until_the_next_start() {
        let (current, said) = started();
        let noted = slots::note(&current.record, said.slot, Reason::RootNotFound);
        assert_eq!(noted.slots.a.tries_left, current.record.slots.a.tries_left);
        let header = Header { length: 1, sha256: [0; 32], generation: 1, epoch: 0 };
        let boot = Boot::new(Some(noted), None, &Pair { a: Some(header), b: None });
        assert_eq!(boot.last_words().1.slots.a.last_failure, Reason::RootNotFound);
    }
}

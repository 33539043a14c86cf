//! Record and trial for the control socket.

use std::path::PathBuf;

use control::{BootStatus, SlotStatus};
use slots::{Record, Running, Slot};

use super::gate::Gate;
use crate::record::BootRecord;

/// Returns what the disk's record says, and how the trial goes if `gate` is one's.
pub(super) fn of(record: &BootRecord, gate: Option<&Gate>) -> BootStatus {
    let mut status = status(record.record(), record.running());
    for (status, slot) in status.slots.iter_mut().zip(Slot::ALL) {
        let (kernel, root) = record.partitions(slot);
        (status.kernel, status.root) = (kernel.to_owned(), root.to_owned());
    }
    status.trial = gate.map(|gate| gate.status(sys::boot_ms()));
    status
}

/// Says what a record says.
fn status(record: &Record, running: Running) -> BootStatus {
    let slot = |name| SlotStatus {
        name,
        entry: *record.slots.get(name),
        kernel: PathBuf::new(),
        root: PathBuf::new(),
    };
    BootStatus {
        slot: running.slot,
        generation: running.generation,
        why: running.why,
        next: record.force,
        boots: record.boots,
        epoch_floor: record.epoch_floor,
        slots: Slot::ALL.map(slot).into(),
        trial: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::Why;

    #[test]
    fn a_new_disk_has_one_generation_on_trial() {
        let running = Running { slot: Slot::A, generation: 1, why: Why::HasTries };
        let said = status(&Record::installed(4), running);
        assert_eq!((said.slot, said.generation, said.why), (Slot::A, 1, Why::HasTries));
        let [a, b] = said.slots.as_slice() else { panic!("two slots") };
        assert_eq!((a.name, a.entry), (Slot::A, Record::installed(4).slots.a));
        assert_eq!((b.name, b.entry), (Slot::B, slots::Entry::default()));
    }
}

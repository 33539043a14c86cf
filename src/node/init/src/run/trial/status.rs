//! Record and trial in the words of the control socket.

use control::{BootStatus, SlotStatus};
use slots::{Entry, Flags, Record, Running, Slot};

use super::super::Runner;

impl Runner<'_> {
    /// Returns what the record says; `None` when the disk has none.
    pub(in super::super) fn boot_status(&self) -> Option<BootStatus> {
        let mut status = self.trial.decided(status)?;
        if let Some(record) = &self.trial.record {
            for (status, slot) in status.slots.iter_mut().zip(Slot::ALL) {
                let (kernel, root) = record.partitions(slot);
                (status.kernel, status.root) = (kernel.to_owned(), root.to_owned());
            }
        }
        status.trial = self.trial.is_on().then(|| self.trial.gate.status(sys::boot_ms()));
        Some(status)
    }
}

/// Says what a record says.
fn status(record: &Record, running: Running) -> BootStatus {
    BootStatus {
        slot: running.slot.name().to_owned(),
        generation: running.generation,
        why: running.why.name().to_owned(),
        next: record.force.map(|s| s.name().to_owned()),
        boots: record.boots,
        epoch_floor: record.epoch_floor,
        slots: Slot::ALL.map(|s| slot_status(s, record.slots.get(s))).into(),
        trial: None,
    }
}

fn slot_status(slot: Slot, entry: &Entry) -> SlotStatus {
    SlotStatus {
        name: slot.name().to_owned(),
        generation: entry.generation,
        epoch: entry.epoch,
        flags: flag_names(entry.flags),
        tries_left: entry.tries_left,
        last_failure: entry.last_failure.to_string(),
        ..SlotStatus::default()
    }
}

/// Returns the names of the set flags.
fn flag_names(flags: Flags) -> Vec<String> {
    if flags == Flags::default() {
        return Vec::new();
    }
    flags.to_string().split(',').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::Why;

    #[test]
    fn a_new_disk_has_one_generation_on_trial() {
        let running = Running { slot: Slot::A, generation: 1, why: Why::HasTries };
        let said = status(&Record::installed(4), running);
        assert_eq!((said.slot.as_str(), said.generation, said.why.as_str()), ("a", 1, "has-tries"));
        let [a, b] = said.slots.as_slice() else { panic!("two slots") };
        assert_eq!((a.epoch, a.tries_left, a.last_failure.as_str()), (4, 3, "none"));
        assert_eq!(a.flags, ["present", "trial"]);
        assert!(b.flags.is_empty());
    }
}

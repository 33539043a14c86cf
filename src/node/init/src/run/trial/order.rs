//! Orders of an operator or an update for the next boot, and why they are refused.

use control::{BootOrder, FreeSlot, Reply};
use slots::{Record, Refusal, Running};

/// Why an order is not carried out, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    message: String,
    hint: &'static str,
}

impl Refused {
    pub(super) fn new(message: impl ToString, hint: &'static str) -> Refused {
        Refused { message: message.to_string(), hint }
    }
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Reply {
        Reply::Refused { message: refused.message, hint: refused.hint.to_owned() }
    }
}

/// Returns the record that the order leads to and the answer once it is written, or the refusal.
pub(super) fn decide(
    order: &BootOrder,
    record: &Record,
    running: Running,
) -> Result<(Record, Reply), Refused> {
    let plain = |decided: Result<Record, Refusal>| decided.map(|next| (next, Reply::Ok));
    let decided = match order {
        BootOrder::BeginUpdate => slots::begin_update(record, running).map(|(slot, next)| {
            let free = FreeSlot { name: slot, generation: next.next_generation() };
            (next, Reply::Free(free))
        }),
        BootOrder::CommitUpdate { generation, epoch } => {
            plain(slots::commit_update(record, running, *generation, *epoch))
        }
        BootOrder::Rollback => plain(slots::rollback(record, running)),
        BootOrder::Cancel => plain(slots::cancel(record, running)),
        BootOrder::BootOnce { slot: None } => plain(slots::boot_once(record, running.slot.other())),
        BootOrder::BootOnce { slot: Some(slot) } => plain(slots::boot_once(record, *slot)),
    };
    decided.map_err(|refusal| Refused::new(refusal, hint(refusal)))
}

/// Returns what to do about a refusal.
const fn hint(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotProven { .. } => {
            "a rollback needs a blessed generation in the other slot; to try another one, use boot-once"
        }
        Refusal::Absent { .. } => "a slot is filled by an upgrade; the status shows what is in them",
        Refusal::NothingPending => {
            "there is nothing to cancel; to leave the running generation, use rollback"
        }
        Refusal::OnTrial { .. } => {
            "wait for the trial to end, or end it with rollback; after boot-once or rollback, reboot"
        }
        Refusal::NotRecorded { .. } => "reboot: the boot loader then starts the recorded generation",
        Refusal::Damaged { .. } => "leave the damaged generation with rollback, then upgrade",
        Refusal::OtherIsNewer { .. } => "reboot into the newer generation first, or retire it with rollback",
        Refusal::EpochOlder { .. } => "use a newer release: an older epoch is never installed",
        _ => "the status shows the slots and their state",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Entry, Flags, Slot, Why};

    fn running() -> Running {
        Running { slot: Slot::A, generation: 1, why: Why::HasTries }
    }

    /// A record with blessed generations 1 and 2.
    fn two() -> Record {
        let mut record = Record::installed(0);
        let flags = Flags::PRESENT.with(Flags::BLESSED);
        record.slots.a.flags = flags;
        record.slots.b = Entry { generation: 2, flags, ..Entry::default() };
        record
    }

    #[test]
    fn orders_are_refused_with_a_remedy() {
        let one = Record::installed(0);
        let cases = [
            (BootOrder::Rollback, "slot b holds no complete generation"),
            (BootOrder::BootOnce { slot: None }, "slot b holds no complete generation"),
            (BootOrder::Cancel, "running generation 1 is on trial: the other slot may be the only good one"),
        ];
        for (order, expected) in cases {
            let refused = decide(&order, &one, running()).unwrap_err();
            assert_eq!(refused.message, expected);
            assert!(!refused.hint.is_empty());
        }
    }

    #[test]
    fn boot_once_means_the_other_slot() {
        let (next, _) = decide(&BootOrder::BootOnce { slot: None }, &two(), running()).unwrap();
        assert_eq!(next.force, Some(Slot::B));
        let itself = BootOrder::BootOnce { slot: Some(Slot::A) };
        assert_eq!(decide(&itself, &two(), running()).unwrap().0.force, Some(Slot::A));
        let (called_off, _) = decide(&BootOrder::Cancel, &next, running()).unwrap();
        assert_eq!(called_off.force, None);
    }

    #[test]
    fn rollback_gives_the_running_one_up() {
        let (next, _) = decide(&BootOrder::Rollback, &two(), running()).unwrap();
        assert!(next.slots.a.is_retired() && !next.slots.b.is_retired());
    }

    #[test]
    fn an_update_begins_with_a_free_slot_and_ends_with_a_trial() {
        let mut record = two();
        record.slots.b.flags = record.slots.b.flags.with(Flags::RETIRED);
        let (begun, reply) = decide(&BootOrder::BeginUpdate, &record, running()).unwrap();
        assert_eq!(reply, Reply::Free(FreeSlot { name: Slot::B, generation: 3 }));
        assert!(!begun.slots.b.is_present());
        let commit = |generation| BootOrder::CommitUpdate { generation, epoch: 0 };
        assert!(decide(&commit(2), &begun, running()).is_err());
        let (next, reply) = decide(&commit(3), &begun, running()).unwrap();
        assert_eq!(reply, Reply::Ok);
        assert!(next.slots.b.flags.has(Flags::TRIAL) && next.slots.b.generation == 3);
        let mut on_trial = two();
        on_trial.slots.a.flags = Flags::PRESENT.with(Flags::TRIAL);
        let refused = decide(&BootOrder::BeginUpdate, &on_trial, running()).unwrap_err();
        assert!(refused.message.contains("on trial"), "{}", refused.message);
        // The first generation of a disk has no other that an upgrade could cost.
        assert!(decide(&BootOrder::BeginUpdate, &Record::installed(0), running()).is_ok());
    }
}

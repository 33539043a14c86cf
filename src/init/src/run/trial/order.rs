//! What an operator orders about the next boot, and why it is refused.

use control::{BootOrder, Reply};
use slots::{Record, Refusal, Running, Slot};

use super::super::Runner;

impl Runner<'_> {
    /// Carries an order out.
    pub(in super::super) fn order_boot(&mut self, order: &BootOrder) -> Reply {
        if self.leaving.is_some() {
            return Reply::Error { message: "a shutdown is under way".to_owned() };
        }
        let Some(decided) = self.trial.decided(|record, running| decide(order, record, running)) else {
            return Refused::new("the disk has no boot record", "write a newer image to it").into();
        };
        match decided {
            Ok(next) if self.write_record(next) => Reply::Ok,
            Ok(_) => Reply::Error { message: "the boot record cannot be written".to_owned() },
            Err(refused) => refused.into(),
        }
    }
}

/// Why an order is not carried out, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    message: String,
    hint: &'static str,
}

impl Refused {
    fn new(message: impl ToString, hint: &'static str) -> Refused {
        Refused { message: message.to_string(), hint }
    }
}

impl From<Refused> for Reply {
    fn from(refused: Refused) -> Reply {
        Reply::Refused { message: refused.message, hint: refused.hint.to_owned() }
    }
}

/// Returns the record that the order leads to, or the refusal.
fn decide(order: &BootOrder, record: &Record, running: Running) -> Result<Record, Refused> {
    let decided = match order {
        BootOrder::Rollback => slots::rollback(record, running),
        BootOrder::Cancel => slots::cancel(record, running),
        BootOrder::BootOnce { slot: None } => slots::boot_once(record, running.slot.other()),
        BootOrder::BootOnce { slot: Some(name) } => {
            let unknown = || Refused::new(format!("there is no slot {name:?}"), "the slots are a and b");
            slots::boot_once(record, Slot::from_name(name).ok_or_else(unknown)?)
        }
    };
    decided.map_err(|refusal| Refused::new(refusal, hint(refusal)))
}

/// Returns what to do about a refusal.
const fn hint(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotProven { .. } => {
            "a rollback needs a blessed generation in the other slot; to try what is there, use boot-once"
        }
        Refusal::Absent { .. } => "a slot is filled by an upgrade; the status shows what is in them",
        Refusal::NothingPending => {
            "there is nothing to call off; to leave the running generation, use rollback"
        }
        Refusal::OnTrial { .. } => "wait for the trial to end, or end it with rollback",
        Refusal::NotRecorded { .. } => "reboot: the boot selector then starts what the record has",
        _ => "the status shows the slots and what is known of them",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Entry, Flags, Why};

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
        let once = |slot: &str| BootOrder::BootOnce { slot: Some(slot.to_owned()) };
        let cases = [
            (BootOrder::Rollback, "slot b holds no whole generation"),
            (BootOrder::BootOnce { slot: None }, "slot b holds no whole generation"),
            (once("c"), "there is no slot \"c\""),
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
        let next = decide(&BootOrder::BootOnce { slot: None }, &two(), running()).unwrap();
        assert_eq!(next.force, Some(Slot::B));
        let itself = BootOrder::BootOnce { slot: Some("a".into()) };
        assert_eq!(decide(&itself, &two(), running()).unwrap().force, Some(Slot::A));
        let called_off = decide(&BootOrder::Cancel, &next, running()).unwrap();
        assert_eq!(called_off.force, None);
    }

    #[test]
    fn rollback_gives_the_running_one_up() {
        let next = decide(&BootOrder::Rollback, &two(), running()).unwrap();
        assert!(next.slots.a.is_retired() && !next.slots.b.is_retired());
    }
}

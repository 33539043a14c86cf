//! The trial's deadline has passed without health.
//!
//! A node reboots if that can lead to something better: to a blessed generation that has tries left always, even one
//! that was not healthy before (that may have been an outage, and staying on a bad generation beside a good one would
//! need a person); to any other only once. The cause may lie outside of both generations (no network, a wrong config),
//! and then no number of reboots helps. So of two generations that are not blessed, the second one to expire is kept:
//! it runs on, is blessed when it gets healthy after all, and is started again at the next boot ([`Entry::is_kept`]).
//! After an upgrade this is the older one, from which the upgrade was ordered. Beside a blessed generation that has
//! used up all its tries, the running one is kept if it has expired before: the blessed one got its turn since.
//!
//! A blessed generation is never rebooted. That a trial has expired is a flag in the record of each slot, since boot
//! loaders, which may be older, keep unknown flags and nothing else that they don't know. It goes when the generation
//! is blessed, when the next update is committed, and when the other generation settles.

use super::Running;
use crate::{Entry, Flags, Reason, Record, TRIAL_TRIES};

/// What a passed deadline leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Write the record, then reboot.
    Reboot(Record),
    /// Write the record and go on running: no reboot leads to a better generation.
    Keep(Record),
    /// Go on running: nothing has changed.
    Stay,
}

/// Decides what to do when the running generation was not healthy in time, for `reason`.
///
/// [`Expired::Stay`] if it is blessed, or the record does not have it.
#[must_use]
pub fn expire(record: &Record, running: Running, reason: Reason) -> Expired {
    let (Ok(entry), other) = (running.entry(record), record.slots.get(running.slot.other())) else {
        return Expired::Stay;
    };
    if entry.is_proven() {
        return Expired::Stay;
    }
    let tried = |entry: &Entry| entry.flags.has(Flags::EXPIRED);
    let better = match other.is_proven() {
        true => other.tries_left > 0 || !tried(entry),
        false => other.is_present() && !tried(other) && !tried(entry),
    };
    let mut next = record.succeeding();
    next.attempt = None;
    let entry = next.slots.get_mut(running.slot);
    entry.flags = entry.flags.with(Flags::EXPIRED);
    entry.last_failure = reason;
    if better {
        entry.tries_left = 0;
        return Expired::Reboot(next);
    }
    // Its run has lasted as long as a trial may last.
    entry.tries_left = TRIAL_TRIES;
    if next.last_start == Some(running.slot) {
        next.unsettled = 0;
    }
    Expired::Keep(next)
}

/// Returns whether a running generation that does not report any more is to be reset by the watchdogs.
///
/// Nobody can reach such a node, so a reset is the only remedy; but only as long as each start takes a try, or a
/// blessed generation with tries is next: a cause outside of the generation would otherwise reset the node for ever.
/// When the deadline passes, [`expire`] decides anyway.
#[must_use]
pub fn may_starve(record: &Record, running: Running) -> bool {
    let Ok(entry) = running.entry(record) else { return true };
    let other = record.slots.get(running.slot.other());
    let to_blessed = other.is_proven() && other.tries_left > 0;
    !entry.is_proven() && !entry.is_kept() && (to_blessed || entry.tries_left > 0)
}

/// Returns whether a reboot ends although the record of [`Expired::Reboot`] can't be written: `init` can't, but the
/// boot loader could, so that each start takes a try, and a blessed generation is next.
#[must_use]
pub fn may_reboot_unwritten(record: &Record, running: Running) -> bool {
    record.last_start == Some(running.slot) && record.slots.get(running.slot.other()).is_proven()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Slot, Why};

    const RUNNING: Running = Running { slot: Slot::B, generation: 2, why: Why::HasTries };

    /// A record of generation 1 with these flags in slot A, and generation 2 on trial in slot B, which runs.
    fn beside(flags: Flags) -> Record {
        let mut record = Record::installed(0);
        record.slots.a.flags = Flags::PRESENT.with(flags);
        record.slots.b = Entry { generation: 2, ..Record::installed(0).slots.a };
        record.last_start = Some(Slot::B);
        record
    }

    #[test]
    fn reboots_to_a_blessed_one_always_and_to_another_once() {
        for (other, mine, reboots) in [
            (Flags::BLESSED, Flags::default(), true),
            (Flags::BLESSED, Flags::EXPIRED, true),
            (Flags::TRIAL, Flags::default(), true),
            (Flags::TRIAL, Flags::EXPIRED, false),
            (Flags::TRIAL.with(Flags::EXPIRED), Flags::default(), false),
        ] {
            let mut record = beside(other);
            record.slots.b.flags = record.slots.b.flags.with(mine);
            match expire(&record, RUNNING, Reason::Deadline) {
                Expired::Reboot(next) => {
                    assert!(reboots, "{other} {mine}");
                    assert_eq!(next.slots.b.tries_left, 0);
                    assert!(next.slots.b.flags.has(Flags::EXPIRED) && !next.slots.b.is_kept());
                }
                Expired::Keep(next) => {
                    assert!(!reboots, "{other} {mine}");
                    assert!(next.slots.b.is_kept());
                    assert_eq!(next.slots.b.last_failure, Reason::Deadline);
                }
                Expired::Stay => panic!("{other} {mine}"),
            }
        }
    }

    #[test]
    fn a_blessed_one_without_tries_gets_its_turn_once() {
        let mut record = beside(Flags::BLESSED);
        record.slots.a.tries_left = 0;
        let Expired::Reboot(mut next) = expire(&record, RUNNING, Reason::Deadline) else { panic!("no turn") };
        assert!(matches!(expire(&next, RUNNING, Reason::Deadline), Expired::Keep(_)));
        next.slots.a.tries_left = 1;
        assert!(matches!(expire(&next, RUNNING, Reason::Deadline), Expired::Reboot(_)));
    }

    #[test]
    fn a_blessed_one_and_one_without_another_stay() {
        let mut record = beside(Flags::BLESSED);
        record.slots.b.flags = Flags::PRESENT.with(Flags::BLESSED);
        assert_eq!(expire(&record, RUNNING, Reason::Deadline), Expired::Stay);
        let first = Running { slot: Slot::A, generation: 1, why: Why::HasTries };
        let Expired::Keep(next) = expire(&Record::installed(0), first, Reason::Deadline) else {
            panic!("there is no other to reboot to");
        };
        assert!(next.slots.a.is_kept());
    }

    #[test]
    fn silence_resets_only_while_that_takes_a_try() {
        let mut record = beside(Flags::TRIAL);
        assert!(may_starve(&record, RUNNING));
        record.slots.b.tries_left = 0;
        assert!(!may_starve(&record, RUNNING));
        assert!(may_starve(&beside(Flags::BLESSED), RUNNING));
        record.slots.b.tries_left = TRIAL_TRIES;
        record.slots.b.flags = record.slots.b.flags.with(Flags::EXPIRED);
        assert!(!may_starve(&record, RUNNING), "what is kept is kept");
    }

    #[test]
    fn without_a_record_only_what_takes_tries_from_a_bad_one_reboots() {
        assert!(may_reboot_unwritten(&beside(Flags::BLESSED), RUNNING));
        assert!(!may_reboot_unwritten(&beside(Flags::TRIAL), RUNNING));
        let not_written_at_boot = Record { last_start: None, ..beside(Flags::BLESSED) };
        assert!(!may_reboot_unwritten(&not_written_at_boot, RUNNING));
    }
}

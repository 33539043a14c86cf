//! One run of the boot loader: what it starts, one slot after the other, and what it writes before.
//!
//! All writes of one boot go to the same copy, so the copy that was found survives whatever happens to them. A failed
//! write is no reason not to boot.

use super::{Current, select};
use crate::{Flags, Header, Pair, Place, Reason, Record, Slot, Why};

/// What the boot loader knows during one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Boot {
    record: Record,
    write_to: Place,
    failed: Pair<bool>,
    rebuilt: bool,
}

/// A slot to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Start {
    /// The slot.
    pub slot: Slot,
    /// The generation in it.
    pub generation: u32,
    /// Tries that are left after this start.
    pub tries_left: u8,
    /// Why this slot.
    pub why: Why,
    /// The record to be written before the start.
    pub record: Record,
    /// Where it goes.
    pub write_to: Place,
}

impl Boot {
    /// Begins a boot with what the disk says: the records at the two places, the header of each slot.
    ///
    /// A start that was never answered, or whose trial had no end, is noted as its slot's last failure unless
    /// one is noted already; a slot whose header is missing or of another generation than the record's has failed.
    #[must_use]
    pub fn new(first: Option<Record>, second: Option<Record>, headers: &Pair<Option<Header>>) -> Boot {
        let Current { mut record, write_to, rebuilt } = Current::new(first, second, headers);
        record.boots = record.boots.wrapping_add(1);
        let unanswered = record.attempt.take();
        if let Some(slot) = unanswered.or(record.last_start) {
            let entry = record.slots.get_mut(slot);
            let on_trial = entry.flags.has(Flags::TRIAL) && !entry.is_retired();
            let failure = match unanswered {
                Some(_) => Reason::NoAnswer,
                None if on_trial => Reason::Interrupted,
                None => Reason::None,
            };
            if entry.last_failure == Reason::None {
                entry.last_failure = failure;
            }
        }
        let mut boot = Boot { record, write_to, failed: Pair::default(), rebuilt };
        for slot in Slot::ALL {
            let entry = boot.record.slots.get(slot);
            match headers.get(slot) {
                _ if !entry.is_present() => {}
                None => boot.refuse(slot, Reason::BadHeader),
                Some(h) if h.generation != entry.generation => boot.refuse(slot, Reason::GenerationDiffers),
                Some(_) => {}
            }
        }
        boot
    }

    /// Returns the slot to start now, or `None` if none is left; takes one try off it.
    ///
    /// A forced start is free: a test by hand must not wear out a good generation.
    pub fn next_start(&mut self) -> Option<Start> {
        let (slot, why) = select(&self.record, &self.failed)?;
        let record = &mut self.record;
        record.force = None;
        record.attempt = Some(slot);
        record.unsettled =
            if record.last_start == Some(slot) { record.unsettled.saturating_add(1) } else { 1 };
        record.last_start = Some(slot);
        record.sequence = record.sequence.wrapping_add(1);
        let entry = record.slots.get_mut(slot);
        entry.last_failure = Reason::None;
        if why != Why::Forced {
            entry.tries_left = entry.tries_left.saturating_sub(1);
        }
        let (generation, tries_left) = (entry.generation, entry.tries_left);
        Some(Start { slot, generation, tries_left, why, record: *record, write_to: self.write_to })
    }

    /// Notes that `slot` can't be started; it will not be tried again in this boot, nor soon.
    pub fn refuse(&mut self, slot: Slot, reason: Reason) {
        let entry = self.record.slots.get_mut(slot);
        entry.tries_left = 0;
        entry.last_failure = reason;
        self.record.attempt = None;
        *self.failed.get_mut(slot) = true;
    }

    /// Returns the record to be written, and where, when no slot is left: it holds the reasons.
    #[must_use]
    pub const fn last_words(&self) -> (Place, Record) {
        (self.write_to, self.record.succeeding())
    }

    /// Tells whether both records were lost.
    #[must_use]
    pub const fn is_rebuilt(&self) -> bool {
        self.rebuilt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Running, answer};

    /// What the next boot notes of slot A, which was started, and answered or not.
    fn noted(record: Record, answered: bool) -> Reason {
        let header = Header { length: 1, sha256: [0; 32], generation: record.slots.a.generation, epoch: 0 };
        let headers = Pair { a: Some(header), b: None };
        let start = Boot::new(Some(record), None, &headers).next_start().unwrap();
        let running = Running { slot: start.slot, generation: start.generation, why: start.why };
        let left = if answered { answer(&start.record, running) } else { start.record };
        Boot::new(Some(left), None, &headers).record.slots.a.last_failure
    }

    #[test]
    fn a_trial_without_an_end_leaves_a_reason() {
        assert_eq!(noted(Record::installed(0), false), Reason::NoAnswer);
        assert_eq!(noted(Record::installed(0), true), Reason::Interrupted);
    }

    #[test]
    fn what_was_given_up_and_is_started_once_more_is_on_no_trial() {
        let mut record = Record::installed(0);
        record.slots.a.flags = record.slots.a.flags.with(Flags::RETIRED);
        record.force = Some(Slot::A);
        assert_eq!(noted(record, true), Reason::None);
    }
}

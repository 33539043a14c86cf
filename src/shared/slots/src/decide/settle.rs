//! Records that a run was good: it lasted as long as a trial may last, or ended in an orderly shutdown.
//!
//! Only for blessed generations, and for one that is kept because no reboot leads to a better one. One on trial must
//! still pass the turn to the other slot when neither has tries left.

use super::Running;
use super::answer::full_tries;
use crate::{Flags, Record};

/// Returns the record after the run has settled, or `None` if that changes nothing.
#[must_use]
pub fn settle(record: &Record, running: Running) -> Option<Record> {
    running.entry(record).ok().filter(|entry| entry.is_proven() || entry.is_kept())?;
    let mut next = record.succeeding();
    if next.last_start == Some(running.slot) {
        next.unsettled = 0;
    }
    let own = next.slots.get_mut(running.slot);
    own.tries_left = full_tries(own);
    if own.is_proven() {
        // There is a good one: should it ever use up its tries, the other may hand back to it once more.
        let other = next.slots.get_mut(running.slot.other());
        other.flags = other.flags.without(Flags::EXPIRED);
    }
    let changed = next.unsettled != record.unsettled || next.slots != record.slots;
    changed.then_some(next)
}

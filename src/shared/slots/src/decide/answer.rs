//! `init` reports that the node runs.
//!
//! A blessed generation gets all its tries back at once, without waiting for health: neither an outage elsewhere nor
//! someone who keeps pressing the power switch may demote a good one. But not forever: a root with a damaged block
//! that is read after the answer would panic, boot, answer and get its tries back endlessly. So after
//! [`UNSETTLED_LIMIT`] starts in a row none of which settled, tries only go down. The same goes for a generation that is
//! kept although it never got healthy: ordinary reboots must not wear it out.

use super::Running;
use super::retire::retire_exhausted;
use crate::{BLESSED_TRIES, Entry, Flags, Reason, Record, Slot, TRIAL_TRIES, UNSETTLED_LIMIT, Why};

/// Returns the record after the running generation has answered.
///
/// Also what makes a full record after both were lost: a generation of which nothing is known begins a
/// trial. A blessed generation that runs because a higher one is exhausted retires that one, unless it
/// runs by hand.
#[must_use]
pub fn answer(record: &Record, running: Running) -> Record {
    let mut next = record.succeeding();
    next.attempt = None;
    let Ok(entry) = running.entry(record) else { return next };
    let mut entry = *entry;
    let crashing = record.last_start == Some(running.slot) && record.unsettled >= UNSETTLED_LIMIT;
    let unknown = !entry.flags.has(Flags::TRIAL) && !entry.flags.has(Flags::BLESSED);
    if (entry.is_proven() || entry.is_kept()) && !crashing {
        entry.tries_left = full_tries(&entry);
    } else if unknown && !entry.is_retired() {
        entry.flags = entry.flags.with(Flags::TRIAL);
        entry.tries_left = TRIAL_TRIES;
    }
    *next.slots.get_mut(running.slot) = entry;
    if entry.is_proven() && running.why != Why::Forced {
        retire_exhausted(&mut next, running.slot);
    }
    next
}

/// Returns the tries that a generation gets back: more for a blessed one.
pub(super) const fn full_tries(entry: &Entry) -> u8 {
    if entry.is_proven() { BLESSED_TRIES } else { TRIAL_TRIES }
}

/// Returns the record after a failure of `slot` whose cause is known to `init` before it resets, or to
/// the scrubber. Takes no try: the boot loader has, or will when it finds the damage.
#[must_use]
pub fn note(record: &Record, slot: Slot, reason: Reason) -> Record {
    let mut next = record.succeeding();
    next.slots.get_mut(slot).last_failure = reason;
    next
}

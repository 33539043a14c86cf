//! The trial's deadline has passed without health.
//!
//! A node reboots if there is another slot to start, even one that was not healthy before: that may have been an
//! outage, and staying on a bad generation beside a good one would need a person. Only when nothing
//! of either slot is known to be good (both records were lost) do the two take turns until one gets
//! healthy; a blessed generation is never rebooted.

use super::Running;
use crate::{Entry, Reason, Record};

/// What a passed deadline leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// Write the record, then reboot.
    Reboot(Record),
    /// Go on running.
    Stay,
}

/// Decides what to do when the running generation was not healthy in time, for `reason`.
///
/// A blessed generation is never rebooted.
#[must_use]
pub fn expire(record: &Record, running: Running, reason: Reason) -> Expired {
    let proven = running.entry(record).is_ok_and(Entry::is_proven);
    if proven || !record.slots.get(running.slot.other()).is_present() {
        return Expired::Stay;
    }
    let mut next = record.succeeding();
    next.attempt = None;
    let entry = next.slots.get_mut(running.slot);
    entry.tries_left = 0;
    entry.last_failure = reason;
    Expired::Reboot(next)
}

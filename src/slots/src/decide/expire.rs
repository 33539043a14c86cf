//! The trial's deadline has passed without health.
//!
//! A node reboots only if the other slot may do better. With both known to be unhealthy the cause is
//! likely outside, and rebooting every ten minutes would heal nothing: it stays, reachable, and is blessed
//! as soon as it gets healthy.

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
    if proven || !may_do_better(record.slots.get(running.slot.other())) {
        return Expired::Stay;
    }
    let mut next = record.succeeding();
    next.attempt = None;
    let entry = next.slots.get_mut(running.slot);
    entry.tries_left = 0;
    entry.last_failure = reason;
    Expired::Reboot(next)
}

/// Tells whether a slot is worth a reboot: it holds a generation that did not itself fail by health.
fn may_do_better(other: &Entry) -> bool {
    let unhealthy = matches!(other.last_failure, Reason::Deadline | Reason::Health);
    other.is_present() && (other.is_proven() || !unhealthy)
}

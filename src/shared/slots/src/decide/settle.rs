//! Records that a run was good: it lasted as long as a trial may last, or ended in an orderly shutdown.
//!
//! Only for blessed generations. One on trial that never becomes healthy may run as long, and must still pass the turn
//! to the other slot when neither has tries left.

use super::Running;
use crate::{BLESSED_TRIES, Record};

/// Returns the record after the run has settled, or `None` if that changes nothing.
#[must_use]
pub fn settle(record: &Record, running: Running) -> Option<Record> {
    running.proven_entry(record).ok()?;
    let mut next = record.succeeding();
    if next.last_start == Some(running.slot) {
        next.unsettled = 0;
    }
    next.slots.get_mut(running.slot).tries_left = BLESSED_TRIES;
    let changed = next.unsettled != record.unsettled || next.slots != record.slots;
    changed.then_some(next)
}

//! The orders of the operator. Each takes effect at the next boot; rebooting is not decided here.

use super::{Refusal, Running};
use crate::{BLESSED_TRIES, Entry, Flags, Reason, Record, Slot};

/// Returns the record that retires the running generation in favour of the other one.
///
/// # Errors
/// [`Refusal::Absent`] if the other slot is empty; [`Refusal::NotProven`] if its generation is not blessed,
/// or was given up;
/// [`Refusal::NotRecorded`] if the record does not have the running generation.
pub fn rollback(record: &Record, running: Running) -> Result<Record, Refusal> {
    running.entry(record)?;
    let target = running.slot.other();
    let other = record.slots.get(target);
    if !other.is_present() {
        return Err(Refusal::Absent { slot: target });
    }
    if !other.is_proven() {
        return Err(Refusal::NotProven { slot: target, generation: other.generation });
    }
    let mut next = record.succeeding();
    next.force = None;
    give_up(next.slots.get_mut(running.slot));
    next.slots.get_mut(target).tries_left = BLESSED_TRIES;
    Ok(next)
}

/// Returns the record that has `slot` started at the next boot, and only then. Nothing is demoted by it,
/// and what is started so is neither blessed nor worn out.
///
/// # Errors
/// [`Refusal::Absent`] if the slot holds no complete generation.
pub fn boot_once(record: &Record, slot: Slot) -> Result<Record, Refusal> {
    if !record.slots.get(slot).is_present() {
        return Err(Refusal::Absent { slot });
    }
    let mut next = record.succeeding();
    next.force = Some(slot);
    Ok(next)
}

/// Returns the record that calls off what would happen at the next boot: a committed update that did not
/// boot yet, and a forced slot.
///
/// # Errors
/// [`Refusal::NothingPending`] if there is neither; [`Refusal::OnTrial`] if the update runs already, where
/// [`rollback`] is meant; [`Refusal::NotRecorded`] if the record does not have the running generation.
pub fn cancel(record: &Record, running: Running) -> Result<Record, Refusal> {
    let generation = running.proven_entry(record)?.generation;
    let other = record.slots.get(running.slot.other());
    let armed = other.is_present() && other.tries_left > 0 && !other.is_retired();
    let pending = armed && other.flags.has(Flags::TRIAL) && other.generation > generation;
    if !pending && record.force.is_none() {
        return Err(Refusal::NothingPending);
    }
    let mut next = record.succeeding();
    next.force = None;
    if pending {
        give_up(next.slots.get_mut(running.slot.other()));
    }
    Ok(next)
}

/// Gives a generation up by the operator's word.
fn give_up(entry: &mut Entry) {
    entry.flags = entry.flags.with(Flags::RETIRED);
    entry.tries_left = 0;
    entry.last_failure = Reason::ByHand;
}

//! The two records around writing a slot: the first releases the inactive slot, the second is the commit.
//!
//! Between them the node has only one generation, and damage to it would be fatal. So a node whose running slot is
//! known to be damaged is not upgraded: the other slot is the good one.
//!
//! A generation on trial may be upgraded only if the inactive slot is empty. Otherwise a first generation that never
//! becomes healthy could never be replaced.

use super::{Refusal, Running};
use crate::{Entry, Flags, Reason, Record, Slot, TRIAL_TRIES};

/// Returns the slot to be written and the record that gives it free, to be written before the first byte
/// of the slot. The slot keeps its number, so that numbers never come back.
///
/// # Errors
/// [`Refusal::OnTrial`] if the running generation is not blessed and the other slot is not empty;
/// [`Refusal::Damaged`] if the running slot was found damaged; [`Refusal::OtherIsNewer`] if the other slot holds
/// a later blessed one (the running one was booted once by hand);
/// [`Refusal::NotRecorded`] if the record does not have the running generation.
pub fn begin_update(record: &Record, running: Running) -> Result<(Slot, Record), Refusal> {
    let target = running.slot.other();
    let other = record.slots.get(target);
    let entry = if other.is_present() { running.proven_entry(record)? } else { running.entry(record)? };
    if entry.last_failure == Reason::Rotten {
        return Err(Refusal::Damaged { slot: running.slot });
    }
    if other.is_proven() && other.generation > running.generation {
        return Err(Refusal::OtherIsNewer { running: running.generation, other: other.generation });
    }
    let mut next = record.succeeding();
    next.force = None;
    *next.slots.get_mut(target) =
        Entry { flags: Flags::default(), tries_left: 0, last_failure: Reason::None, ..*other };
    Ok((target, next))
}

/// Returns the record that makes the generation written to the other slot count: from then on it is
/// started, on trial.
///
/// # Errors
/// [`Refusal::NotBegun`] if the slot was not given free; [`Refusal::GenerationDiffers`] if the number
/// is not [`Record::next_generation`]; [`Refusal::EpochOlder`] if the epoch is under the running one's or
/// under one that was blessed before; otherwise as [`begin_update`].
pub fn commit_update(
    record: &Record,
    running: Running,
    generation: u32,
    epoch: u32,
) -> Result<Record, Refusal> {
    let floor = running.entry(record)?.epoch.max(record.epoch_floor);
    let target = running.slot.other();
    let expected = record.next_generation();
    if record.slots.get(target).is_present() {
        return Err(Refusal::NotBegun { slot: target });
    }
    if generation != expected {
        return Err(Refusal::GenerationDiffers { expected, found: generation });
    }
    if epoch < floor {
        return Err(Refusal::EpochOlder { floor, found: epoch });
    }
    let mut next = record.succeeding();
    next.force = None;
    // The new one may come back to this one, even if this one never got healthy.
    let own = next.slots.get_mut(running.slot);
    own.flags = own.flags.without(Flags::EXPIRED);
    *next.slots.get_mut(target) = Entry {
        generation,
        epoch,
        flags: Flags::PRESENT.with(Flags::TRIAL),
        tries_left: TRIAL_TRIES,
        last_failure: Reason::None,
    };
    Ok(next)
}

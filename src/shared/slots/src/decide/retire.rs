//! Retires a generation after a lower one had to take over.

use crate::{Flags, Record, Slot};

/// Retires the other slot if it holds a higher generation without tries: a bad one can't win later.
pub(super) fn retire_exhausted(record: &mut Record, running: Slot) {
    let generation = record.slots.get(running).generation;
    let other = record.slots.get_mut(running.other());
    if other.is_present() && other.tries_left == 0 && other.generation > generation {
        other.flags = other.flags.with(Flags::RETIRED);
    }
}

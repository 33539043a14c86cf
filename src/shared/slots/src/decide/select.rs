//! Which slot to start. Pure choice; what starting it does to the record is in `boot`.
//!
//! 1. The slot that the operator forced, once.
//! 2. The highest generation with tries left that is not retired.
//! 3. If no slot has tries left: the blessed generation, else the highest, else a retired one. Starting
//!    something is always better than resetting forever.
//!
//! In the third case a start that did not settle passes the turn to the other slot. Without that, a
//! blessed generation whose root is damaged would be started forever beside a good one without tries
//! (both can lose theirs to power cuts, and a retired one has none): the model shows it in a few steps.

use crate::{Entry, Pair, Record, Slot, Why};

/// Returns the slot to start and why, or `None` if no slot is left; `failed` are those that already
/// failed in this boot.
#[must_use]
pub fn select(record: &Record, failed: &Pair<bool>) -> Option<(Slot, Why)> {
    let usable = |slot: &Slot| record.slots.get(*slot).is_present() && !failed.get(*slot);
    if let Some(slot) = record.force.filter(usable) {
        return Some((slot, Why::Forced));
    }
    let entry = |slot: &Slot| record.slots.get(*slot);
    let candidates = Slot::ALL.into_iter().filter(usable);
    let armed = candidates.clone().filter(|s| entry(s).tries_left > 0 && !entry(s).is_retired());
    if let Some(slot) = armed.max_by_key(|s| entry(s).generation) {
        return Some((slot, Why::HasTries));
    }
    let best = candidates.max_by_key(|s| rank(entry(s)))?;
    let slot = Some(best.other()).filter(|other| is_unsettled(record, best) && usable(other)).unwrap_or(best);
    Some((slot, if entry(&slot).is_proven() { Why::NoTriesBlessed } else { Why::LastResort }))
}

/// Orders slots without tries: later is better.
fn rank(entry: &Entry) -> (bool, bool, bool, u32) {
    let blessed = entry.flags.has(crate::Flags::BLESSED);
    (entry.is_proven(), !entry.is_retired(), blessed, entry.generation)
}

/// Tells whether the last start was of `slot` and did not settle.
fn is_unsettled(record: &Record, slot: Slot) -> bool {
    record.last_start == Some(slot) && record.unsettled > 0
}

//! Records a slot that was found damaged in the boot record, which survives reboots.

use slots::{Reason, Record, Slot};

/// Returns the record with the note, or `None` if it has it already.
pub(super) fn note(record: &Record, slot: Slot, generation: u32) -> Result<Option<Record>, String> {
    let entry = record.slots.get(slot);
    if !entry.is_present() || entry.generation != generation {
        return Err(format!("slot {slot} does not hold generation {generation}"));
    }
    // A generation that the operator has given up stays so: by any other reason its health could undo that.
    let by_hand = entry.is_retired() && entry.last_failure == Reason::ByHand;
    let news = entry.last_failure != Reason::Rotten && !by_hand;
    Ok(news.then(|| slots::note(record, slot, Reason::Rotten)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_noted_once_and_takes_no_try() {
        let record = Record::installed(0);
        let noted = note(&record, Slot::A, 1).unwrap().unwrap();
        assert_eq!(noted.slots.a.last_failure, Reason::Rotten);
        assert_eq!(noted.slots.a.tries_left, record.slots.a.tries_left);
        assert_eq!(note(&noted, Slot::A, 1).unwrap(), None);
        let mut by_hand = record;
        by_hand.slots.a.flags = by_hand.slots.a.flags.with(slots::Flags::RETIRED);
        by_hand.slots.a.last_failure = Reason::ByHand;
        assert_eq!(note(&by_hand, Slot::A, 1).unwrap(), None);
    }

    #[test]
    fn what_is_not_there_is_not_noted() {
        let record = Record::installed(0);
        let refused = |slot, generation| note(&record, slot, generation).unwrap_err();
        assert_eq!(refused(Slot::A, 2), "slot a does not hold generation 2");
        assert_eq!(refused(Slot::B, 0), "slot b does not hold generation 0");
    }
}

//! The model with small numbers and everything at once: the source files of the decisions are compiled a
//! second time here, with two tries for one on trial, three for a blessed one and three unsettled starts.
//!
//! What is a matter of how many is the same for three as for nine; what is a matter of order shows here.

#[path = "model/broken.rs"]
mod broken;
#[path = "../src/decide/mod.rs"]
mod decide;
#[path = "model/explore.rs"]
mod explore;

pub use decide::*;
use explore::{Fault, Rules, Scope};
pub use slots::{Entry, Flags, Header, Pair, Place, Reason, Record, Slot, Why, newest, write_place};

/// See [`slots::TRIAL_TRIES`].
pub const TRIAL_TRIES: u8 = 2;
/// See [`slots::BLESSED_TRIES`].
pub const BLESSED_TRIES: u8 = 3;
/// See [`slots::UNSETTLED_LIMIT`].
pub const UNSETTLED_LIMIT: u8 = 3;

/// Every fault of a write and every act of an operator, one epoch.
const WRITES: Scope = Scope {
    writes: &[Fault::None, Fault::Torn, Fault::Lost],
    epochs: &[1],
    newest_lost: false,
    by_hand: true,
};
/// Older and newer epochs.
const EPOCHS: Scope = Scope { writes: &[Fault::None], epochs: &[0, 2], newest_lost: false, by_hand: false };
/// The record that counts is lost alone, and the one before is read.
const NEWEST_LOST: Scope = Scope { writes: &[Fault::None], epochs: &[1], newest_lost: true, by_hand: false };

#[test]
fn invariants_hold_with_every_fault_of_a_write() {
    explore::hold("torn and lost writes", WRITES);
}

#[test]
fn invariants_hold_with_any_epoch() {
    explore::hold("epochs", EPOCHS);
}

#[test]
fn invariants_hold_when_the_older_record_is_read() {
    explore::hold("newest record lost", NEWEST_LOST);
}

#[test]
fn every_broken_decision_breaks_an_invariant() {
    for (name, decisions) in broken::ALL {
        let try_scope = |scope| explore::explore(&Rules { decisions, scope }).err();
        let broken = [WRITES, NEWEST_LOST, EPOCHS].into_iter().find_map(try_scope);
        let broken = broken.unwrap_or_else(|| panic!("{name}: nothing was noticed"));
        println!("{name}: {}", broken.split(':').next().unwrap_or_default());
    }
}

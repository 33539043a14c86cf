//! The model with the numbers of a node: what `explore` tells, and the K that is promised.
//!
//! Nine tries and sixteen unsettled starts of two slots multiply; with torn and lost writes on top, that is
//! more than a test can hold. `model_small` explores everything at once with smaller numbers.

#[path = "model/explore.rs"]
mod explore;

use explore::{Fault, Scope};
pub use slots::*;

/// Deaths, cuts and rot, with torn and lost writes of a record.
const WRITES: Scope = Scope {
    writes: &[Fault::None, Fault::Torn, Fault::Lost],
    epochs: &[1],
    newest_lost: false,
    by_hand: false,
};
/// Deaths, cuts and rot, and every act of an operator.
const BY_HAND: Scope = Scope { writes: &[Fault::None], epochs: &[1], newest_lost: false, by_hand: true };

#[test]
fn invariants_hold_with_torn_and_lost_writes() {
    explore::hold("torn and lost writes", WRITES);
}

#[test]
fn invariants_hold_whatever_the_operator_asks_for() {
    explore::hold("acts of an operator", BY_HAND);
}

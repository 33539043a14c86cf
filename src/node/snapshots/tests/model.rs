//! Every state that slots and data can get into together, explored breadth first over the very decisions that run: those
//! of `slots` on the boot record, and those of this crate on the ledger, with the power cut between any two changes.
//!
//! The invariants:
//!
//! 8. what was written under a generation that was ever blessed is on the disk, whoever runs, until an operator orders
//!    its removal, and no service runs on data without it unless an operator ordered that it be put aside;
//! 9. no service runs on data of a version that its generation does not read;
//! 10. an operator is asked only over data that a generation wrote that was blessed or about to be, since the last copy:
//!     a failed trial needs nobody (a number that comes back after both records were lost counts as blessed if it was);
//! 11. preparing the data ends.
//!
//! (The numbers go on from those of the model in `slots`, which holds with torn and lost writes, rot and refusals; here
//! are deaths, cuts and orders, with one or two updates. Lost records, a full disk and orders about snapshots are in the
//! scopes in which broken rules are found; to explore these to their end takes more memory than a test may.) The source files of the slots' decisions are compiled a second
//! time, with small numbers of tries: what is a matter of order shows as well.

#[path = "../../../shared/slots/src/decide/mod.rs"]
mod decide;
#[path = "model/disk.rs"]
mod disk;
#[path = "model/events.rs"]
mod events;
#[path = "model/explore.rs"]
mod explore;
#[path = "model/world.rs"]
mod world;

pub use decide::*;
use explore::{Rules, hold};
pub use slots::{Entry, Flags, Header, Pair, Place, Reason, Record, Slot, Why, newest, write_place};
use world::Scope;

/// See [`slots::TRIAL_TRIES`].
pub const TRIAL_TRIES: u8 = 1;
/// See [`slots::BLESSED_TRIES`].
pub const BLESSED_TRIES: u8 = 1;
/// See [`slots::UNSETTLED_LIMIT`].
pub const UNSETTLED_LIMIT: u8 = 1;

/// Both records may be lost, the disk be full, and an update comes; nobody orders anything.
const ALONE: Scope =
    Scope { by_hand: false, orders: 0, updates: 1, lost: true, full: true, images: &[(1, 1), (1, 2)] };
/// Three versions of the state and two updates: a way back over more than one change.
const VERSIONS: Scope = Scope {
    by_hand: false,
    orders: 0,
    updates: 2,
    lost: false,
    full: false,
    images: &[(1, 1), (1, 2), (2, 3)],
};
/// Every order about the next boot, and one update.
const BY_HAND: Scope =
    Scope { by_hand: true, orders: 0, updates: 1, lost: false, full: false, images: &[(1, 1), (1, 2)] };
/// One update, and one order about a snapshot: a second one moves the same directories.
const ORDERS: Scope =
    Scope { by_hand: false, orders: 1, updates: 1, lost: false, full: false, images: &[(1, 1), (1, 2)] };

#[test]
fn nothing_is_discarded_over_several_changes_of_version() {
    hold("three versions", VERSIONS);
}

#[test]
fn nothing_is_discarded_by_orders_about_the_next_boot() {
    hold("orders about the next boot", BY_HAND);
}

#[test]
fn every_broken_rule_breaks_an_invariant() {
    for (name, scope, rules) in explore::broken() {
        let broken = explore::explore(&Rules { scope, ..rules }).err();
        let broken = broken.unwrap_or_else(|| panic!("{name}: nothing was noticed"));
        println!("{name}: {}", broken.split(':').next().unwrap_or_default());
    }
}

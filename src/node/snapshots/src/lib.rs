//! The data on the state partition, which outlives a generation: whose it is, snapshots of it, and the way back.
//!
//! A generation writes the data in its own versions. So before it starts anything it checks the ledger
//! ([`decide`]):
//!
//! * written by another generation, readable: the data is copied, then the generation may write;
//! * not readable, and written only on trial since the last copy: that copy is restored, and the data is put aside;
//! * not readable, and written under a generation that was ever blessed: nothing starts until an operator orders
//!   something ([`Store::order`]), or a generation that reads it runs.
//!
//! So what was written under a blessed generation is put aside only by an order, and what was put aside is removed only
//! by an order ([`Store::remove`]), unless no blessed generation had written it. The blessing is recorded here before
//! the boot record has it ([`Store::seal`]): a loss of the boot record, or a cut between the two, forgets none.
//!
//! The store's data alone can be exchanged for other data, such as a snapshot of etcd that was kept elsewhere
//! ([`Store::exchange`]).
//!
//! The new generation takes the copy, not the old one before it reboots: at this moment nothing writes, so a plain copy
//! is consistent and complete. It is also taken when the upgrade was only installed, or started by `boot-once`. This
//! is all that a single controller can do; a member of a quorum will have to rejoin instead.
//!
//! The decisions are pure, and explored together with those of `slots` by `tests/model`; [`Store`] carries them out. Not
//! here: who asks, and when.
#![forbid(unsafe_code)]

mod copy;
pub mod decide;
mod error;
mod exchange;
mod ledger;
mod restore;
mod store;
#[cfg(test)]
mod tests;

pub use decide::{Image, Unreadable};
pub use error::StateError;
pub use exchange::Incoming;
pub use ledger::{Cause, Data, Facts, Kind, Known, Ledger, Moving, Outcome, Scope, Snapshot, Standing};
pub use store::{Store, Survey};

//! Upgrades: one at a time, from the request to the reboot.
//!
//! [`Upgrader`] holds what is known of the upgrade and what may follow what; `job` does the work on a thread of
//! its own and shows in `progress` how it goes. How to write a slot is decided in the crate `update`. A
//! restart of `noded` forgets the upgrade but not what has arrived of the bundle: the same request goes on
//! with it.

mod drain;
mod fetch;
mod job;
mod progress;
mod refused;
mod slot;
mod staging;
mod upgrader;

pub use refused::Refused;
pub use upgrader::Upgrader;

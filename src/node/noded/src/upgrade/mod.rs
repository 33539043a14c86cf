//! Upgrades: one at a time, from the request to the reboot.
//!
//! [`Upgrader`] has the state of the upgrade and its transitions; `job` does the work on its own thread and reports in
//! `progress`. The crate `update` writes the slot. A restart of `noded` forgets the upgrade but keeps the received part
//! of the bundle: the same request resumes it.

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

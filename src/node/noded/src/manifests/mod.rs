//! Keeps the cluster's manifests applied: the built-in ones and those of the config.
//!
//! An object that differs is put back, and one that is gone from the config is removed, if it was this program that
//! created it. What it did is recorded in the cluster itself, as an [`inventory`], so that the record comes back with the
//! objects when the store is restored. Waiting for pods to be ready is elsewhere.

mod definitions;
mod inventory;
mod keeper;
mod order;

pub use definitions::definitions;
pub use keeper::Keeper;

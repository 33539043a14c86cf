//! The store of the cluster, etcd or kine: snapshots of it, and their restore.
//!
//! Both are orders of the store's own program (`program`), which has the libraries for it and runs as the store's user.
//! Once a day the node makes one for itself (`kept`), on the data partition. `care` has what gives a full etcd room again.
//! Here is what concerns the node: who may, when, what is stopped meanwhile, and what becomes of the data that was
//! there.

mod care;
mod job;
mod kept;
mod program;
mod restorer;
mod snapshot;
#[cfg(test)]
mod tests;

pub use care::Care;
pub use kept::{follow as keep_snapshots, list, open};
pub use restorer::Restorer;
pub use snapshot::{snapshot, stream};

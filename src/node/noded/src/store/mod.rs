//! The store of the cluster, etcd or kine: snapshots of it, and their restore.
//!
//! Both are orders of the store's own program (`program`), which has the libraries for it and runs as the store's user.
//! Here is what concerns the node: who may, when, what is stopped meanwhile, and what becomes of the data that was
//! there.

mod job;
mod program;
mod restorer;
mod snapshot;

pub use restorer::Restorer;
pub use snapshot::snapshot;

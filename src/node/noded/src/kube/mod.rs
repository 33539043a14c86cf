//! The apiserver as `noded` sees it: one kept connection, requests one after the other.
//!
//! Blocking. Of Kubernetes' types only the few fields are read that decide something.

mod apply;
mod client;
mod cordon;
mod ready;
mod resource;
mod watch;

pub use apply::apply_all;
pub use client::{Access, Kube, connect};
pub use cordon::{cordon, uncordon};
pub use ready::{Observed, Readiness, readiness};
pub use resource::{Resource, has_pods};
pub use watch::watch_one;

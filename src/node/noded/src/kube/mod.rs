//! A client for the API server: one persistent connection, one request at a time.
//!
//! Blocking. Of the Kubernetes types only the few fields that are needed are parsed.

mod client;
mod cordon;
mod ready;
mod resource;
mod watch;

pub use client::{Access, FIELD_MANAGER, Kube, connect, refused_with};
pub use cordon::{cordon, uncordon};
pub use ready::{Observed, Readiness, readiness};
pub use resource::{Resource, find, has_pods};
pub use watch::{watch_all, watch_one};

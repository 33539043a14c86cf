//! Kubernetes on a node: certificates, flags, configuration files, services and built-in objects.
//!
//! [`plan()`] decides everything according to the documents, a few facts about the node and the content of
//! its state partition; [`apply()`] is the only function that writes. Starting the services and applying the
//! objects is left to the caller. Flags were checked against Kubernetes 1.37, etcd 3.7, kine 0.16 and
//! containerd 2.4.
#![forbid(unsafe_code)]

mod apply;
pub mod approval;
mod duties;
mod error;
mod facts;
mod file;
mod kubeconfig;
mod manifests;
mod pki;
mod plan;
mod services;
mod shared;
mod users;

pub use apply::{Ownership, apply};
pub use duties::Duties;
pub use error::Error;
pub use facts::Facts;
pub use file::{Directory, File};
pub use manifests::{AWAITED, Manifest, PAUSE_IMAGE};
pub use pki::member;
pub use pki::{
    Certificate, KUBELET_CLIENT_GROUP, OPERATORS_GROUP, PKI_DIRECTORY, Pki, Reason, State, validities_secs,
    validity_secs,
};
pub use plan::{Plan, plan};
pub use services::{RUNTIME, STORE, STORE_QUOTA, pod_network};
pub use shared::{SHARED_KEY, SHARED_NAME, SHARED_NAMESPACE, parse_shared};

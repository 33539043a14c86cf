//! The documents that people write: image profile, node config, cluster config.
//!
//! YAML 1.2 in, typed values out, strictly: an unknown or repeated key, a wrong type or a value out of
//! range is an error with file, line, column, the line and a caret, and all errors of a text are
//! reported at once. Nothing here reads a file or a clock; the caller passes the text and its name.
//! Only keys that do something today are accepted; one that is planned is refused by name.
#![forbid(unsafe_code)]

mod checks;
mod cidr;
mod cluster;
mod decode;
mod diagnostics;
mod document;
mod json;
mod manifest;
mod node;
mod profile;
mod read_cluster;
mod read_node;
mod read_profile;
mod scalar;
#[cfg(feature = "schema")]
mod schema;
mod secret;
mod suggest;
pub mod templates;
mod value;
mod yaml;

pub use cidr::Cidr;
pub use cluster::{
    Api, ClusterConfig, ClusterNetwork, ClusterSpec, ComponentArgs, Extensions, ExtraArgs, KubeProxy,
    KubeProxyMode, Manifest, Metadata, NetworkProvider, Storage, StorageKind,
};
pub use diagnostics::{Diagnostic, Diagnostics};
pub use document::{Documents, MAX_BYTES, parse_node_documents, parse_profile, validate};
pub use manifest::objects as manifest_objects;
pub use node::{
    Ethernet, Health, Kubelet, LinkMatch, Nameservers, NodeApi, NodeConfig, NodeNetwork, Route, Taint,
    TaintEffect, Time,
};
pub use profile::{
    Architecture, Component, Compression, ImageProfile, Kernel, Kubernetes, Output, Qcow2, Role, SecureBoot,
    Slots,
};
#[cfg(feature = "schema")]
pub use schema::schemas;
pub use secret::Secret;

/// `apiVersion` of every document.
pub const API_VERSION: &str = "ironhull.dev/v1";

/// What one node is given: itself and its cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeDocuments {
    /// The node.
    pub node: NodeConfig,
    /// The cluster; all defaults when the text has no such document.
    pub cluster: ClusterConfig,
}

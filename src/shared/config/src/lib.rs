//! The documents written by people: image profile, node config, cluster config.
//!
//! Parses YAML 1.2 into typed values, strictly: an unknown or repeated key, a wrong type or a value out of
//! range is an error with file, line, column and the line marked, and all errors of a text are reported at
//! once. Nothing here reads a file or a clock; the caller passes the text and its name. Only keys that have
//! an effect today are accepted; a planned key is refused as not yet supported.
#![forbid(unsafe_code)]

mod checks;
mod cidr;
mod cluster;
mod decode;
mod diagnostics;
mod disk_selector;
mod document;
pub mod hostname;
pub mod join_token;
mod json;
mod manifest;
mod node;
mod node_network;
mod profile;
mod read_cluster;
mod read_network;
mod read_node;
mod read_profile;
mod scalar;
#[cfg(feature = "schema")]
mod schema;
mod secret;
mod suggest;
pub mod templates;
pub mod user_data;
mod value;
mod yaml;

pub use cidr::Cidr;
pub use cluster::{
    Api, AuditLevel, ClusterConfig, ClusterNetwork, ClusterSpec, ComponentArgs, Extensions, ExtraArgs,
    KubeProxy, KubeProxyMode, Manifest, Metadata, NetworkProvider, PodSecurity, PodSecurityLevel, Storage,
    StorageKind,
};
pub use diagnostics::{Diagnostic, Diagnostics};
pub use disk_selector::{DiskSelector, TRANSPORTS};
pub use document::{
    Documents, MAX_BYTES, parse_cluster_config, parse_node_documents, parse_profile, validate,
};
pub use join_token::JoinToken;
pub use manifest::objects as manifest_objects;
pub use node::{Health, Install, Join, Kubelet, NodeApi, NodeConfig, Taint, TaintEffect, Time};
pub use node_network::{
    Bond, BondMode, BondParameters, Bridge, BridgeParameters, Ethernet, HashPolicy, LacpRate, LinkMatch,
    Nameservers, NodeNetwork, Route, Vlan,
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

/// The documents for a node: its own config and its cluster's.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeDocuments {
    /// The node.
    pub node: NodeConfig,
    /// The cluster; has only defaults if the text contains no such document.
    pub cluster: ClusterConfig,
}

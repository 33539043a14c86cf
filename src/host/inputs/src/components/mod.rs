//! Kubernetes and its companions (etcd, containerd, CNI …), built from Go modules pinned in
//! `rootfs/components/<name>/`.

mod build;
mod copied;
mod gomod;
mod recipe;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

pub(crate) use build::{Builder, Component, build, prepare};
pub use recipe::{Cgo, Recipe};

/// A Go module that is linked into a binary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Module {
    /// Module path; `std` for Go's own library.
    pub path: String,
    /// Version with its `v`; for `std` the Go version.
    pub version: String,
    /// Go's hash of the module, `h1:…`; empty for `std` and local modules.
    pub sum: String,
}

/// A component as built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltComponent {
    /// Name of its folder.
    pub name: String,
    /// Version without `v`.
    pub version: String,
    /// Licence of the component itself, as an SPDX expression.
    pub licence: String,
    /// Path of the component's main module.
    pub module: String,
    /// Path of each program.
    pub binaries: BTreeMap<String, PathBuf>,
    /// All modules linked into them.
    pub modules: Vec<Module>,
    /// Static C libraries of the build host that are linked in: file name and hash.
    pub libraries: Vec<(String, Digest)>,
}

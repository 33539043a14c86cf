//! Our own programs that run on a node, each one static file, built by cargo from this workspace.

mod build;
mod sources;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use build::{Builder, build, compiler, key};

/// The programs: package in the workspace and name of the binary.
pub const PROGRAMS: &[(&str, &str)] =
    &[("init", "init"), ("node", "noded"), ("hello", "hello"), ("pause", "pause")];

/// A crate that is linked into a program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence as it states it; empty if it does not.
    pub licence: String,
    /// Whether it is one of this workspace.
    pub ours: bool,
}

/// A program as built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltProgram {
    /// Name of the binary.
    pub name: String,
    /// Version of its package.
    pub version: String,
    /// Where it is.
    pub path: PathBuf,
    /// Crates linked into it, itself among them.
    pub crates: Vec<Crate>,
}

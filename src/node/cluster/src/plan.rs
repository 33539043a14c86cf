//! The plan of a node: everything that has to be written, run and applied.

use config::Role;
use control::ServiceSpec;

use crate::error::Error;
use crate::facts::Facts;
use crate::file::{Directory, File};
use crate::manifests::{self, Manifest};
use crate::pki::{self, Pki, State};
use crate::services;

/// Everything that makes a node of a cluster, in the order in which it is done.
#[derive(Debug)]
pub struct Plan {
    /// Directories, parents first.
    pub directories: Vec<Directory>,
    /// Files, keys before their certificates; see [`crate::apply()`].
    pub files: Vec<File>,
    /// The certificates among them.
    pub pki: Pki,
    /// Services for `init`.
    pub services: Vec<ServiceSpec>,
    /// Kubernetes objects, to be applied once the API server is ready.
    pub manifests: Vec<Manifest>,
}

/// Plans a node with `role`: what it shall be by `facts`, keeping of `state` what is still good.
///
/// Nothing is read or written. The same facts and state give the same plan, but for new keys.
///
/// # Errors
/// When the certificate authorities in `state` are damaged or a certificate can't be made.
pub fn plan(role: Role, facts: &Facts, state: &State) -> Result<Plan, Error> {
    let pki = pki::plan(facts, state)?;
    let parts = match role {
        Role::Single => services::single(facts),
    };
    let directories = pki.directories.iter().cloned().chain(parts.directories).collect();
    let files = pki.files.iter().cloned().chain(parts.files).collect();
    let manifests = manifests::all(facts.cluster);
    Ok(Plan { directories, files, pki, services: parts.services, manifests })
}

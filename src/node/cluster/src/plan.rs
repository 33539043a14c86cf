//! The plan of a node: everything that has to be written, started and applied.

use control::ServiceSpec;

use crate::duties::Duties;
use crate::error::Error;
use crate::facts::Facts;
use crate::file::{Directory, File};
use crate::manifests::{self, Manifest};
use crate::pki::{self, Pki, State};
use crate::services;

/// The plan of a node, in the order in which it is carried out.
#[derive(Debug)]
pub struct Plan {
    /// Directories; parents come first.
    pub directories: Vec<Directory>,
    /// Files; a key comes before its certificate, see [`crate::apply()`].
    pub files: Vec<File>,
    /// The certificates among them.
    pub pki: Pki,
    /// Services for `init`.
    pub services: Vec<ServiceSpec>,
    /// Kubernetes objects, applied once the API server is ready.
    pub manifests: Vec<Manifest>,
}

/// Plans a node with `duties` according to `facts`; what is still valid in `state` is kept.
///
/// Nothing is read or written. The same facts and state give the same plan, except for new keys.
///
/// # Errors
/// [`Error::LostKey`] or [`Error::Key`] if a certificate authority in `state` is damaged, [`Error::Issue`] if a
/// certificate can't be issued, [`Error::NoContainerImage`] if the node's image lacks one of an add-on.
pub fn plan(duties: Duties, facts: &Facts, state: &State) -> Result<Plan, Error> {
    let pki = match facts.server {
        None => pki::plan(duties, facts, state)?,
        Some(_) => pki::member::plan(facts, state),
    };
    let parts = services::of(duties, facts);
    let directories = pki.directories.iter().cloned().chain(parts.directories).collect();
    let files = pki.files.iter().cloned().chain(parts.files).collect();
    let manifests = if duties.control_plane { manifests::all(duties, facts)? } else { Vec::new() };
    Ok(Plan { directories, files, pki, services: parts.services, manifests })
}

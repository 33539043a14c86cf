//! Applies manifests.

use anyhow::{Context, Result};

use super::client::Kube;
use super::resource::{Resource, find};

/// Applies every object of every manifest, in order, and returns their paths. Objects after one that fails
/// are applied nevertheless, since it may depend on one of them.
///
/// # Errors
/// All failures, each with the manifest's name. The other objects are applied; the same call may be repeated.
pub fn apply_all(kube: &Kube, manifests: &[cluster::Manifest]) -> Result<Vec<Resource>> {
    let mut applied = Vec::new();
    let mut failures = Vec::new();
    for manifest in manifests {
        for object in &manifest.objects {
            let result = find(kube, object).and_then(|r| kube.apply(&r.path(), object).map(|()| r));
            match result.with_context(|| format!("manifest {}", manifest.name)) {
                Ok(resource) => applied.push(resource),
                Err(e) => failures.push(format!("{e:#}")),
            }
        }
    }
    match failures.is_empty() {
        true => Ok(applied),
        false => Err(anyhow::anyhow!("{}", failures.join("; "))),
    }
}

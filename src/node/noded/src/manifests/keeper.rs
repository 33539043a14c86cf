//! Applies objects, looks after them, and removes those that are gone from the config.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, ensure};
use cluster::Manifest;
use serde::Deserialize;

use super::inventory::{self, Entry, Inventory};
use super::order::{Wanted, ordered};
use crate::kube::{FIELD_MANAGER, Kube, Resource, find};

/// Looks after all objects of the manifests.
#[derive(Debug)]
pub struct Keeper {
    wanted: Vec<Wanted>,
    /// The record, once it was read.
    inventory: Option<Inventory>,
    /// Each object as it was when we applied it: path and version.
    versions: BTreeMap<String, String>,
}

/// The fields of an object that are read back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Observed {
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
    managed_fields: Vec<ManagedFields>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ManagedFields {
    manager: String,
    operation: String,
}

impl Keeper {
    /// A keeper of `manifests`; nothing is applied yet.
    pub fn new(manifests: &[Manifest]) -> Keeper {
        Keeper { wanted: ordered(manifests), inventory: None, versions: BTreeMap::new() }
    }

    /// Returns what there is to keep, in one line.
    pub fn summary(&self) -> String {
        let mut manifests: Vec<&str> = self.wanted.iter().map(|w| w.manifest.as_str()).collect();
        manifests.sort_unstable();
        manifests.dedup();
        format!("{} objects of {}", self.wanted.len(), manifests.join(", "))
    }

    /// Applies every object that is missing or has changed since it was applied, then removes those that are gone from
    /// the config, and returns the resources. Objects after one that fails are applied nevertheless, since it may
    /// depend on one of them.
    ///
    /// # Errors
    /// If the inventory can't be read; nothing was done then. Otherwise all failures, each with the name of its
    /// manifest, after everything else was done; the same call may be repeated.
    pub fn pass(&mut self, kube: &Kube) -> Result<Vec<Resource>> {
        let before = match self.inventory.take() {
            Some(known) => known,
            None => load(kube)?,
        };
        let mut after = before.clone();
        let (mut resources, mut failures) = (Vec::new(), Vec::new());
        for wanted in &self.wanted {
            match keep(kube, wanted, &mut self.versions, &mut after) {
                Ok(resource) => resources.push(resource),
                Err(e) => failures.push(format!("{e:#}")),
            }
        }
        // Before anything is removed: what was created must be known even if this program ends now.
        let stored = store(kube, &before, &after);
        self.inventory = Some(if stored.is_ok() { after.clone() } else { before });
        stored?;
        for gone in after.unwanted(&self.wanted) {
            match remove(kube, &gone) {
                Ok(()) => after.forget(&gone),
                Err(e) => failures.push(format!("{e:#}")),
            }
        }
        if let Some(known) = &mut self.inventory {
            store(kube, known, &after)?;
            *known = after;
        }
        ensure!(failures.is_empty(), "{}", failures.join("; "));
        Ok(resources)
    }
}

/// Reads the inventory. One that can't be parsed counts as empty: then nothing that it lists is ever removed.
fn load(kube: &Kube) -> Result<Inventory> {
    let Some(object) = kube.find(inventory::PATH)? else { return Ok(Inventory::default()) };
    let parsed = Inventory::parse(&object);
    if let Err(e) = &parsed {
        eprintln!("noded: {} is begun anew, since it can't be parsed: {e}", inventory::PATH);
    }
    Ok(parsed.unwrap_or_default())
}

/// Writes the inventory if it has changed.
fn store(kube: &Kube, before: &Inventory, after: &Inventory) -> Result<()> {
    if before != after {
        kube.apply(inventory::PATH, &after.object()?)?;
    }
    Ok(())
}

/// Applies an object, unless it is as it was when it was applied last.
fn keep(
    kube: &Kube,
    wanted: &Wanted,
    versions: &mut BTreeMap<String, String>,
    inventory: &mut Inventory,
) -> Result<Resource> {
    let named = || format!("manifest {}", wanted.manifest);
    let resource = find(kube, &wanted.object).with_context(named)?;
    let path = resource.path();
    if let Some(version) = versions.get(&path) {
        let found: Option<Observed> = kube.find(&path).with_context(named)?;
        if found.is_some_and(|o| o.metadata.resource_version == *version) {
            return Ok(resource);
        }
    }
    let applied = kube.apply(&path, &wanted.object).with_context(named)?;
    versions.insert(path.clone(), applied.resource_version);
    inventory.record(Entry::of(wanted, path, applied.uid, applied.created));
    Ok(resource)
}

/// Removes an object that we created, and takes back our fields of one that was there before. What is not the object
/// that we applied any more is left alone.
fn remove(kube: &Kube, gone: &Entry) -> Result<()> {
    let named = || format!("{} {} is gone from manifest {}", gone.kind, gone.name, gone.manifest);
    let found: Option<Observed> = kube.find(&gone.path).with_context(named)?;
    let Some(found) = found.filter(|o| is_ours(o, gone)) else { return Ok(()) };
    eprintln!("noded: {}", named());
    match gone.created {
        true => kube.delete_with_uid(&gone.path, &found.metadata.uid),
        false => kube.apply(&gone.path, &gone.without_fields()).map(drop),
    }
    .with_context(named)
    .map_err(|e| anyhow!("{e:#}"))
}

/// Returns whether an object is the one that was applied, and has fields of ours: whoever can write to the inventory must
/// not be able to remove anything else.
fn is_ours(found: &Observed, gone: &Entry) -> bool {
    let applied = |m: &ManagedFields| m.manager == FIELD_MANAGER && m.operation == "Apply";
    found.metadata.uid == gone.uid && found.metadata.managed_fields.iter().any(applied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_object_that_was_applied_is_ours() {
        let wanted = Wanted {
            manifest: "m".into(),
            object: json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" } }),
        };
        let entry = Entry::of(&wanted, "/api/v1/pods/a".into(), "7".into(), true);
        for (uid, manager, operation, expected) in [
            ("7", "ironhull", "Apply", true),
            ("8", "ironhull", "Apply", false),
            ("7", "kubectl", "Apply", false),
            ("7", "ironhull", "Update", false),
        ] {
            let object = json!({ "metadata": {
                "uid": uid, "resourceVersion": "1",
                "managedFields": [{ "manager": manager, "operation": operation }],
            } });
            let found: Observed = serde_json::from_value(object).unwrap();
            assert_eq!(is_ours(&found, &entry), expected, "{uid} {manager} {operation}");
        }
    }
}

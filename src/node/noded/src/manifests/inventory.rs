//! The record of what was applied: one entry for each object, kept in a ConfigMap. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::order::Wanted;

/// Path of the ConfigMap.
pub const PATH: &str = "/api/v1/namespaces/kube-system/configmaps/ironhull-inventory";
/// The key in it.
const KEY: &str = "objects";

/// What identifies an object for as long as it is wanted, whatever version of its API group is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

impl Identity {
    /// Returns the identity of an object. A namespace that is not given counts as `default`, also for kinds that have
    /// none: nothing is confused by that.
    fn of(version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Identity {
        let group = version.split_once('/').map_or("", |(group, _)| group);
        Identity {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.unwrap_or("default").to_owned(),
            name: name.to_owned(),
        }
    }

    /// Returns the identity of an object of a manifest.
    fn of_object(object: &Value) -> Identity {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let required = |pointer: &str| text(pointer).unwrap_or_default();
        Identity::of(
            required("/apiVersion"),
            required("/kind"),
            text("/metadata/namespace"),
            required("/metadata/name"),
        )
    }
}

/// An object that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Name of the manifest.
    pub manifest: String,
    /// `apiVersion`, with which it was applied.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace, if the manifest has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Path of the object in the API.
    pub path: String,
    /// Its UID: another object of the same name is none of ours.
    pub uid: String,
    /// Whether it did not exist before; otherwise only our fields are ours.
    pub created: bool,
}

impl Entry {
    /// Returns the entry of an object that was applied at `path`.
    pub fn of(wanted: &Wanted, path: String, uid: String, created: bool) -> Entry {
        let text = |pointer: &str| wanted.object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Entry {
            manifest: wanted.manifest.clone(),
            api_version: text("/apiVersion").unwrap_or_default(),
            kind: text("/kind").unwrap_or_default(),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name").unwrap_or_default(),
            path,
            uid,
            created,
        }
    }

    fn identity(&self) -> Identity {
        Identity::of(&self.api_version, &self.kind, self.namespace.as_deref(), &self.name)
    }

    /// Returns the object without any field: applied, it takes back all fields that were ours.
    pub fn without_fields(&self) -> Value {
        let mut metadata = json!({ "name": self.name, "uid": self.uid });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        json!({ "apiVersion": self.api_version, "kind": self.kind, "metadata": metadata })
    }
}

/// All entries, in the order in which they were first applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    entries: Vec<Entry>,
}

impl Inventory {
    /// Parses the ConfigMap.
    ///
    /// # Errors
    /// If it is not as [`Inventory::object`] writes it.
    pub fn parse(object: &Value) -> Result<Inventory, serde_json::Error> {
        let text = object.pointer(&format!("/data/{KEY}")).and_then(Value::as_str).unwrap_or_default();
        Ok(Inventory { entries: serde_json::from_str(text)? })
    }

    /// Returns the ConfigMap.
    ///
    /// # Errors
    /// None in practice: entries are plain data.
    pub fn object(&self) -> Result<Value, serde_json::Error> {
        let text = serde_json::to_string(&self.entries)?;
        Ok(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "ironhull-inventory", "namespace": "kube-system" },
            "data": { KEY: text },
        }))
    }

    /// Records an object that was applied. One that is known with the same UID stays created by us.
    pub fn record(&mut self, mut entry: Entry) {
        let identity = entry.identity();
        match self.entries.iter_mut().find(|e| e.identity() == identity) {
            Some(known) => {
                entry.created |= known.created && known.uid == entry.uid;
                *known = entry;
            }
            None => self.entries.push(entry),
        }
    }

    /// Removes an entry.
    pub fn forget(&mut self, gone: &Entry) {
        self.entries.retain(|e| e != gone);
    }

    /// Returns the entries of objects that are not wanted any more, last applied first.
    pub fn unwanted(&self, wanted: &[Wanted]) -> Vec<Entry> {
        let wanted: BTreeSet<Identity> = wanted.iter().map(|w| Identity::of_object(&w.object)).collect();
        self.entries.iter().rev().filter(|e| !wanted.contains(&e.identity())).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Wanted {
        let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } });
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        Wanted { manifest: "m".into(), object }
    }

    fn entry(wanted: &Wanted, uid: &str, created: bool) -> Entry {
        Entry::of(wanted, "/api/v1/x".into(), uid.into(), created)
    }

    #[test]
    fn only_what_is_gone_from_the_config_is_unwanted() {
        let pod = wanted("v1", "Pod", None, "a");
        let old = wanted("batch/v1beta1", "Job", Some("x"), "j");
        let role = wanted("rbac/v1", "ClusterRole", None, "r");
        let mut inventory = Inventory::default();
        for (n, w) in [&pod, &old, &role].into_iter().enumerate() {
            inventory.record(entry(w, &n.to_string(), true));
        }
        let kept = [wanted("v1", "Pod", Some("default"), "a"), wanted("batch/v1", "Job", Some("x"), "j")];
        let names = |w: &[Wanted]| inventory.unwanted(w).into_iter().map(|e| e.name).collect::<Vec<_>>();
        assert_eq!(names(&kept), ["r"], "another version or a written default is the same object");
        assert_eq!(names(&[]), ["r", "j", "a"], "the last first");
        let elsewhere = [wanted("v1", "Pod", Some("y"), "a"), wanted("apps/v1", "Job", Some("x"), "j"), role];
        assert_eq!(names(&elsewhere), ["j", "a"], "another namespace or group is another object");
    }

    #[test]
    fn what_was_there_before_is_never_taken_for_ours() {
        let pod = wanted("v1", "Pod", None, "a");
        let mut inventory = Inventory::default();
        let created = |inventory: &Inventory| inventory.entries[0].created;
        inventory.record(entry(&pod, "1", false));
        assert!(!created(&inventory));
        inventory.record(entry(&pod, "2", true));
        assert!(created(&inventory), "it was deleted, and created anew by us");
        inventory.record(entry(&pod, "2", false));
        assert!(created(&inventory), "it is the same");
        inventory.record(entry(&pod, "3", false));
        assert!(!created(&inventory), "somebody else replaced it");
        assert_eq!(inventory.entries.len(), 1);
    }

    #[test]
    fn comes_back_from_its_config_map() {
        let mut inventory = Inventory::default();
        inventory.record(entry(&wanted("v1", "Pod", Some("x"), "a"), "1", true));
        inventory.record(entry(&wanted("v1", "Node", None, "n"), "2", false));
        assert_eq!(Inventory::parse(&inventory.object().unwrap()).unwrap(), inventory);
        assert!(Inventory::parse(&json!({ "data": { "objects": "[{]" } })).is_err());
        let empty = inventory.entries[0].without_fields();
        assert_eq!(empty["metadata"], json!({ "name": "a", "namespace": "x", "uid": "1" }));
    }
}

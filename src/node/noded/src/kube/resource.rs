//! The API server's paths of objects.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::client::Kube;

/// The path of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Path of the collection, such as `/apis/apps/v1/namespaces/default/deployments`.
    pub collection: String,
    /// Name of the object.
    pub name: String,
}

impl Resource {
    /// Returns the path of the object.
    pub fn path(&self) -> String {
        format!("{}/{}", self.collection, self.name)
    }
}

/// Common kinds, which need not be looked up: kind, plural, whether namespaced.
const KNOWN: [(&str, &str, &str, bool); 22] = [
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Node", "nodes", false),
    ("v1", "Pod", "pods", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "Service", "services", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "ReplicaSet", "replicasets", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    ("batch/v1", "CronJob", "cronjobs", true),
    ("batch/v1", "Job", "jobs", true),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", true),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
    ("apiregistration.k8s.io/v1", "APIService", "apiservices", false),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", false),
];

/// Returns whether objects of this kind run pods that can be waited for.
pub fn has_pods(kind: &str) -> bool {
    matches!(kind, "Pod" | "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
}

/// Finds the path of `object`; kinds that are not in the list are looked up.
///
/// # Errors
/// If the API server does not know the kind (yet), or the object lacks `apiVersion`, `kind` or a valid name.
pub fn find(kube: &Kube, object: &Value) -> Result<Resource> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).filter(|t| is_plain(t));
    let version = text("/apiVersion").context("object has no apiVersion")?;
    let kind = text("/kind").context("object has no kind")?;
    let name = text("/metadata/name").with_context(|| format!("{kind} has no name"))?;
    let known = KNOWN.iter().find(|(v, k, ..)| (*v, *k) == (version, kind));
    let (plural, namespaced) = match known {
        Some((_, _, plural, namespaced)) => ((*plural).to_owned(), *namespaced),
        None => discover(kube, version, kind)?,
    };
    let namespace = namespaced.then(|| text("/metadata/namespace").unwrap_or("default"));
    let collection = collection(version, namespace, &plural);
    Ok(Resource { kind: kind.to_owned(), collection, name: name.to_owned() })
}

/// Returns whether a text can be used in a path without escaping.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/');
    !text.is_empty() && !text.contains("..") && text.chars().all(plain)
}

fn root(version: &str) -> String {
    if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") }
}

fn collection(version: &str, namespace: Option<&str>, plural: &str) -> String {
    match namespace {
        Some(namespace) => format!("{}/namespaces/{namespace}/{plural}", root(version)),
        None => format!("{}/{plural}", root(version)),
    }
}

/// Asks the API server for the plural of a kind, and whether it is namespaced.
fn discover(kube: &Kube, version: &str, kind: &str) -> Result<(String, bool)> {
    #[derive(Deserialize)]
    struct List {
        resources: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        name: String,
        kind: String,
        namespaced: bool,
    }
    let list: List = kube.get(&root(version))?;
    let entry = list.resources.into_iter().find(|e| e.kind == kind && !e.name.contains('/'));
    let entry = entry.with_context(|| format!("the apiserver has no {kind} in {version}"))?;
    Ok((entry.name, entry.namespaced))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(collection("v1", None, "nodes"), "/api/v1/nodes");
        let deployments = collection("apps/v1", Some("default"), "deployments");
        assert_eq!(deployments, "/apis/apps/v1/namespaces/default/deployments");
    }

    #[test]
    fn names_cannot_leave_their_path() {
        assert!(is_plain("system:node"));
        for bad in ["", "../secrets", "a?b", "a b", "a%2f"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}

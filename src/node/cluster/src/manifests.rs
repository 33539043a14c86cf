//! Kubernetes objects that are applied once the API server is ready.

use config::ClusterConfig;
use serde_json::{Value, json};

use crate::pki::{KUBELET_CLIENT_GROUP, OPERATORS_GROUP};

/// The image of every pod's sandbox, which the root contains.
pub const PAUSE_IMAGE: &str = "ironhull.local/pause:1";

/// A named list of objects, applied in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Name in messages.
    pub name: String,
    /// Kubernetes objects.
    pub objects: Vec<Value>,
}

/// Returns all manifests of a cluster: ours first, then those of `spec.extensions.manifests`.
#[must_use]
pub(crate) fn all(cluster: &ClusterConfig) -> Vec<Manifest> {
    let ours = Manifest { name: "ironhull-access".to_owned(), objects: access() };
    let theirs = cluster.spec.extensions.manifests.iter().map(|m| Manifest {
        name: m.name.clone(),
        // The config's parser has already refused invalid manifests.
        objects: config::manifest_objects(&m.name, &m.manifest).unwrap_or_default(),
    });
    std::iter::once(ours).chain(theirs).collect()
}

/// The permissions of our own groups: the API server may use kubelets, operators may do everything.
fn access() -> Vec<Value> {
    vec![
        group_binding("ironhull:kubelet-clients", "system:kubelet-api-admin", KUBELET_CLIENT_GROUP),
        group_binding("ironhull:operators", "cluster-admin", OPERATORS_GROUP),
    ]
}

/// Binds a cluster role to a group.
fn group_binding(name: &str, role: &str, group: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_come_before_those_of_the_config() {
        let mut cluster = ClusterConfig::default();
        let manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n".to_owned();
        cluster.spec.extensions.manifests = vec![config::Manifest { name: "mine".into(), manifest }];
        let found = all(&cluster);
        let names: Vec<&str> = found.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["ironhull-access", "mine"]);
        assert_eq!(found[1].objects[0]["metadata"]["name"], "a");
        let bound: Vec<&Value> = found[0].objects.iter().map(|o| &o["roleRef"]["name"]).collect();
        assert_eq!(bound, ["system:kubelet-api-admin", "cluster-admin"]);
    }
}

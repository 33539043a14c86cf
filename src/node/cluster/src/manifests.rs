//! Kubernetes objects that are applied once the API server is ready.

use config::ClusterConfig;
use serde_json::{Value, json};

use crate::pki::{KUBELET_CLIENT_GROUP, OPERATORS_GROUP};

/// The image of the sandbox of every pod, on the root.
pub const PAUSE_IMAGE: &str = "ironhull.local/pause:1";
/// The image of the demonstration pod, on the root.
pub const HELLO_IMAGE: &str = "ironhull.local/hello:1";
/// Port of the demonstration on the node.
pub const HELLO_NODE_PORT: u16 = 30_080;

/// Objects under a name, to be applied in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Name in messages.
    pub name: String,
    /// Kubernetes objects.
    pub objects: Vec<Value>,
}

/// All manifests of a cluster: ours first, then those of `spec.extensions.manifests`.
#[must_use]
pub(crate) fn all(cluster: &ClusterConfig) -> Vec<Manifest> {
    let ours = Manifest { name: "ironhull-access".to_owned(), objects: access() };
    let theirs = cluster.spec.extensions.manifests.iter().map(|m| Manifest {
        name: m.name.clone(),
        // The parser of the config has refused what is no manifest.
        objects: config::manifest_objects(&m.name, &m.manifest).unwrap_or_default(),
    });
    std::iter::once(ours).chain(theirs).collect()
}

/// What our own groups may do: the API server use kubelets, operators everything.
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

/// The demonstration: a pod from the image's own store that answers HTTP on [`HELLO_NODE_PORT`].
#[must_use]
pub fn hello() -> Vec<Value> {
    let labels = json!({ "app": "hello" });
    let container = json!({
        "name": "hello",
        "image": HELLO_IMAGE,
        "imagePullPolicy": "Never",
        "ports": [{ "containerPort": 8080 }],
        "readinessProbe": { "httpGet": { "path": "/", "port": 8080 }, "periodSeconds": 1 },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": 65_534,
        },
    });
    vec![
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "hello", "namespace": "default", "labels": labels },
            "spec": {
                "replicas": 1,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "containers": [container], "automountServiceAccountToken": false },
                },
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "hello", "namespace": "default", "labels": labels },
            "spec": {
                "type": "NodePort",
                "selector": labels,
                "ports": [{ "port": 80, "targetPort": 8080, "nodePort": HELLO_NODE_PORT }],
            },
        }),
    ]
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

    #[test]
    fn the_demonstration_uses_the_images_own_store() {
        let objects = hello();
        let container = &objects[0]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], HELLO_IMAGE);
        assert_eq!(container["imagePullPolicy"], "Never");
        assert_eq!(objects[1]["spec"]["selector"], objects[0]["spec"]["template"]["metadata"]["labels"]);
    }
}

//! The permissions of our own groups.

use serde_json::{Value, json};

use crate::pki::{KUBELET_CLIENT_GROUP, OPERATORS_GROUP};

/// The API server may use kubelets, operators may do everything.
pub(super) fn objects() -> Vec<Value> {
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

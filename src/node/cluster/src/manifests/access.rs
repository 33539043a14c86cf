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

/// Group and version of Kubernetes' permissions.
pub(super) const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
pub(super) const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Binds a cluster role to a group.
pub(super) fn group_binding(name: &str, role: &str, group: &str) -> Value {
    json!({
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": { "name": name },
        "roleRef": { "apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role },
        "subjects": [{ "apiGroup": RBAC_GROUP, "kind": "Group", "name": group }],
    })
}

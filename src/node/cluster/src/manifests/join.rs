//! What nodes that join need: permissions, and the settings of the cluster.

use config::ClusterConfig;
use serde_json::{Value, json};

use super::access::{RBAC, RBAC_GROUP, group_binding};
use crate::approval::{NODES_GROUP, WORKERS_JOINING_GROUP};
use crate::shared::{SHARED_NAME, SHARED_NAMESPACE, config_map};

/// What nodes that join need: whoever has a token may ask for a certificate, and look at requests; a node may read what it
/// must know of the cluster, and what its kube-proxy follows. Whether a certificate is issued is decided for each
/// request ([`crate::approval`]).
pub(super) fn objects(cluster: &ClusterConfig) -> Vec<Value> {
    const JOIN: &str = "ironhull:join";
    let requests = json!({
        "apiGroups": ["certificates.k8s.io"],
        "resources": ["certificatesigningrequests"],
        "verbs": ["create", "get"],
    });
    let settings = json!({
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": [SHARED_NAME],
        "verbs": ["get"],
    });
    let role = |kind: &str, metadata: Value, rule: Value| json!({ "apiVersion": RBAC, "kind": kind, "metadata": metadata, "rules": [rule] });
    let place = json!({ "name": "ironhull:cluster", "namespace": SHARED_NAMESPACE });
    vec![
        config_map(cluster),
        role("ClusterRole", json!({ "name": JOIN }), requests),
        group_binding(JOIN, JOIN, WORKERS_JOINING_GROUP),
        role("Role", place.clone(), settings),
        json!({
            "apiVersion": RBAC,
            "kind": "RoleBinding",
            "metadata": place,
            "roleRef": { "apiGroup": RBAC_GROUP, "kind": "Role", "name": "ironhull:cluster" },
            "subjects": [{ "apiGroup": RBAC_GROUP, "kind": "Group", "name": NODES_GROUP }],
        }),
        group_binding("ironhull:node-proxiers", "system:node-proxier", NODES_GROUP),
    ]
}

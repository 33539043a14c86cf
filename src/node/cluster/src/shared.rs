//! What a node that joins must know of its cluster: a config map that the controller applies and nodes read.
//!
//! It holds a `ClusterConfig` with the keys that a node uses, and no others: a node need not understand the rest, and
//! what only the control plane needs stays there.

use config::{ClusterConfig, Diagnostics};
use serde_json::{Value, json};

/// Namespace and name of the config map.
pub const SHARED_NAMESPACE: &str = "kube-system";
/// See [`SHARED_NAMESPACE`].
pub const SHARED_NAME: &str = "ironhull-cluster";
/// The key in it.
pub const SHARED_KEY: &str = "cluster.json";

/// Returns what nodes need of the config, as JSON, which is YAML.
fn shared_text(cluster: &ClusterConfig) -> String {
    let network = &cluster.spec.network;
    let document = json!({
        "apiVersion": config::API_VERSION,
        "kind": "ClusterConfig",
        "metadata": { "name": cluster.metadata.name },
        "spec": {
            "network": {
                "provider": network.provider,
                "podCIDR": network.pod_cidr,
                "serviceCIDR": network.service_cidr,
                "clusterDomain": network.cluster_domain,
                "kubeProxy": network.kube_proxy,
            },
            "featureGates": cluster.spec.feature_gates,
        },
    });
    format!("{document:#}\n")
}

/// Reads what the config map holds.
///
/// # Errors
/// Whatever is wrong with it: a cluster of a later version may say what this one does not understand.
pub fn parse_shared(text: &str) -> Result<ClusterConfig, Diagnostics> {
    config::parse_cluster_config(SHARED_NAME, text)
}

/// Returns the config map.
pub(crate) fn config_map(cluster: &ClusterConfig) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": SHARED_NAME, "namespace": SHARED_NAMESPACE },
        "data": { SHARED_KEY: shared_text(cluster) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_reads_what_the_controller_wrote() {
        let mut cluster = ClusterConfig::default();
        cluster.metadata.name = "home".into();
        cluster.spec.network.pod_cidr = "10.32.0.0/12".parse().unwrap();
        cluster.spec.network.kube_proxy.disabled = true;
        cluster.spec.feature_gates.insert("AllAlpha".into(), false);
        assert_eq!(parse_shared(&shared_text(&cluster)).unwrap(), cluster);
        cluster.spec.api.sans = vec!["secret.example.org".into()];
        assert!(!shared_text(&cluster).contains("secret.example.org"), "nodes do not need it");
        assert!(parse_shared("{}").is_err());
    }
}

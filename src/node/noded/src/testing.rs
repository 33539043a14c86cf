//! What tests of several parts need.

use config::{ClusterConfig, Kubelet, NodeApi, NodeConfig, NodeDocuments, NodeNetwork, Time};

/// Documents with this access to the API, and defaults for everything else.
pub fn documents(api: NodeApi) -> NodeDocuments {
    let node = NodeConfig {
        hostname: "node1".into(),
        network: NodeNetwork::default(),
        time: Time::default(),
        labels: [].into(),
        taints: Vec::new(),
        kubelet: Kubelet::default(),
        health: config::Health::default(),
        api,
    };
    NodeDocuments { node, cluster: ClusterConfig::default() }
}

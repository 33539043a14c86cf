//! What tests of several parts need.

use api::ImageFacts;
use config::{ClusterConfig, Kubelet, NodeApi, NodeConfig, NodeDocuments, NodeNetwork, Role, Time};

/// An image that says nothing of itself, for a node that does everything.
pub fn image() -> (ImageFacts, Role) {
    (ImageFacts::default(), Role::Single)
}

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
        join: None,
        install: None,
        api,
    };
    NodeDocuments { node, cluster: ClusterConfig::default() }
}

//! The facts that a plan is made from.

use std::net::Ipv4Addr;

use config::{ClusterConfig, NodeConfig};

/// Everything that a plan depends on, apart from what is on the state partition.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The node's config.
    pub node: &'a NodeConfig,
    /// The cluster's config.
    pub cluster: &'a ClusterConfig,
    /// Address under which the node is known to the cluster.
    pub address: Ipv4Addr,
    /// All addresses of the node, for its certificates.
    pub addresses: &'a [Ipv4Addr],
    /// Seconds since 1970, now.
    pub now_secs: u64,
    /// Seconds since 1970 when the image was built; a clock that is behind this is not believed.
    pub build_time_secs: u64,
}

impl Facts<'_> {
    /// The time to believe: now, but not before the image was built.
    #[must_use]
    pub fn sane_now_secs(&self) -> u64 {
        self.now_secs.max(self.build_time_secs)
    }

    /// URL of the API server for what runs on the node.
    #[must_use]
    pub fn local_server(&self) -> String {
        format!("https://127.0.0.1:{}", self.cluster.spec.api.port)
    }
}

/// Facts for tests: the values of a node as it boots in QEMU.
#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use config::{Kubelet, NodeApi, NodeNetwork, Secret, Time};

    /// A time in 2026.
    pub const NOW: u64 = 1_790_000_000;

    /// A node config with only what is required.
    pub fn node() -> NodeConfig {
        NodeConfig {
            hostname: "node1".into(),
            network: NodeNetwork::default(),
            time: Time::default(),
            labels: [("rack".to_owned(), "r1".to_owned())].into(),
            taints: Vec::new(),
            kubelet: Kubelet::default(),
            health: config::Health::default(),
            api: NodeApi {
                certificate_authority: String::new(),
                certificate: String::new(),
                key: Secret::default(),
                port: 9443,
            },
        }
    }

    /// Facts about `node` in `cluster`.
    pub fn facts<'a>(node: &'a NodeConfig, cluster: &'a ClusterConfig) -> Facts<'a> {
        const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
        let addresses = &[ADDRESS];
        Facts { node, cluster, address: ADDRESS, addresses, now_secs: NOW, build_time_secs: NOW - 1000 }
    }
}

//! The facts that a plan is made from.

use std::net::Ipv4Addr;

use config::{ClusterConfig, NodeConfig};

/// Everything that a plan depends on, except for the content of the state partition.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The node's config.
    pub node: &'a NodeConfig,
    /// The cluster's config.
    pub cluster: &'a ClusterConfig,
    /// URL of the cluster's API server, for a node that has joined; `None` for one that has its own.
    pub server: Option<&'a str>,
    /// Address by which the cluster knows the node.
    pub address: Ipv4Addr,
    /// All addresses of the node, for its certificates.
    pub addresses: &'a [Ipv4Addr],
    /// The current time in seconds since 1970.
    pub now_secs: u64,
    /// When the image was built, in seconds since 1970; an earlier current time is not trusted.
    pub build_time_secs: u64,
    /// Size of the state partition's file system in bytes; 0 if it is not known.
    pub state_bytes: u64,
    /// References of the container images in the node's image.
    pub container_images: &'a [String],
}

impl Facts<'_> {
    /// Returns the current time, but at least the time when the image was built.
    #[must_use]
    pub fn sane_now_secs(&self) -> u64 {
        self.now_secs.max(self.build_time_secs)
    }

    /// Returns the URL of the API server for processes on the node.
    #[must_use]
    pub fn api_server(&self) -> String {
        let own = || format!("https://127.0.0.1:{}", self.cluster.spec.api.port);
        self.server.map_or_else(own, str::to_owned)
    }
}

/// Facts for tests: those of a node that boots in QEMU.
#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use std::sync::LazyLock;

    use config::{Kubelet, NodeApi, NodeNetwork, Secret, Time};

    /// A time in 2026.
    pub const NOW: u64 = 1_790_000_000;

    /// A node config with only the required keys.
    pub fn node() -> NodeConfig {
        NodeConfig {
            hostname: "node1".into(),
            network: NodeNetwork::default(),
            time: Time::default(),
            labels: [("rack".to_owned(), "r1".to_owned())].into(),
            taints: Vec::new(),
            kubelet: Kubelet::default(),
            health: config::Health::default(),
            join: None,
            install: None,
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
        static IMAGES: LazyLock<Vec<String>> = LazyLock::new(|| vec!["ironhull.local/coredns:1".to_owned()]);
        const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
        let addresses = &[ADDRESS];
        Facts {
            node,
            cluster,
            server: None,
            address: ADDRESS,
            addresses,
            now_secs: NOW,
            build_time_secs: NOW - 1000,
            state_bytes: 4 << 30,
            container_images: &IMAGES,
        }
    }
}

//! `kind: ClusterConfig`: settings shared by all nodes of a cluster, with the field names of k0s.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::Cidr;

/// Flags for a component by name without dashes; they win over ours.
pub type ExtraArgs = BTreeMap<String, String>;

/// What all nodes of a cluster share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct ClusterConfig {
    /// Names the cluster.
    pub metadata: Metadata,
    /// The settings.
    pub spec: ClusterSpec,
}

/// Names the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Metadata {
    /// Name of the cluster, also in kubeconfigs: lower-case letters, digits and `-`. Default `ironhull`.
    pub name: String,
}

impl Default for Metadata {
    fn default() -> Self {
        Metadata { name: "ironhull".into() }
    }
}

/// The settings of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct ClusterSpec {
    /// Kubernetes API server.
    pub api: Api,
    /// Controller manager.
    pub controller_manager: ComponentArgs,
    /// Scheduler.
    pub scheduler: ComponentArgs,
    /// Where the API server keeps its objects.
    pub storage: Storage,
    /// Pods, services and what connects them.
    pub network: ClusterNetwork,
    /// Feature gates, given to every Kubernetes component.
    pub feature_gates: BTreeMap<String, bool>,
    /// What is applied to the cluster once it runs.
    pub extensions: Extensions,
}

/// Kubernetes API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Api {
    /// Address that it tells the cluster. Default: the node's first one.
    pub address: Option<Ipv4Addr>,
    /// Name or address under which clients outside reach it; part of its certificate and of kubeconfigs.
    pub external_address: Option<String>,
    /// TCP port. Default 6443.
    pub port: u16,
    /// Further names and addresses in its certificate.
    pub sans: Vec<String>,
    /// Further flags.
    pub extra_args: ExtraArgs,
}

impl Default for Api {
    fn default() -> Self {
        Api {
            address: None,
            external_address: None,
            port: 6443,
            sans: Vec::new(),
            extra_args: ExtraArgs::new(),
        }
    }
}

/// Further flags of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct ComponentArgs {
    /// Flags by name without dashes; they win over ours.
    pub extra_args: ExtraArgs,
}

/// Where the API server keeps its objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Storage {
    /// Which store. Default `etcd`.
    #[serde(rename = "type")]
    pub kind: StorageKind,
    /// Settings of etcd.
    pub etcd: ComponentArgs,
}

/// A store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum StorageKind {
    /// etcd.
    #[default]
    Etcd,
    /// kine over SQLite: no etcd, but slower.
    Kine,
}

/// Pods, services and what connects them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct ClusterNetwork {
    /// What connects pods. Default `bridge`.
    pub provider: NetworkProvider,
    /// Addresses of pods, a prefix of 8 to 24. Default 10.244.0.0/16.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: Cidr,
    /// Addresses of services, a prefix of 12 to 24. Default 10.96.0.0/12.
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: Cidr,
    /// DNS domain of the cluster. Default `cluster.local`.
    pub cluster_domain: String,
    /// kube-proxy.
    pub kube_proxy: KubeProxy,
}

impl Default for ClusterNetwork {
    fn default() -> Self {
        let range =
            |a, b, prefix| Cidr::new(Ipv4Addr::new(a, b, 0, 0), prefix).expect("prefix is at most 32");
        ClusterNetwork {
            provider: NetworkProvider::Bridge,
            pod_cidr: range(10, 244, 16),
            service_cidr: range(10, 96, 12),
            cluster_domain: "cluster.local".into(),
            kube_proxy: KubeProxy::default(),
        }
    }
}

impl ClusterNetwork {
    /// The first service address: the API server's.
    #[must_use]
    pub fn api_service_address(&self) -> Ipv4Addr {
        self.service_cidr.nth(1).unwrap_or(self.service_cidr.network())
    }

    /// The service address of the cluster's DNS, by custom the tenth.
    #[must_use]
    pub fn dns_service_address(&self) -> Ipv4Addr {
        self.service_cidr.nth(10).unwrap_or(self.service_cidr.network())
    }

    /// The pod addresses of the first node, a /24.
    #[must_use]
    pub fn first_node_cidr(&self) -> Cidr {
        Cidr::new(self.pod_cidr.network(), 24).expect("24 is at most 32")
    }
}

/// What connects pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum NetworkProvider {
    /// A Linux bridge, for a cluster of one node.
    #[default]
    Bridge,
}

/// kube-proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct KubeProxy {
    /// How services are made. Default `nftables`.
    pub mode: KubeProxyMode,
    /// Leave it out: something else makes services. Default false.
    pub disabled: bool,
}

/// How kube-proxy makes services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum KubeProxyMode {
    /// iptables rules, by the programs of that name: many runs of them for one change, and slower the more
    /// services there are.
    Iptables,
    /// nftables rules, each change in one transaction. A `NodePort` answers at the node's own addresses, not
    /// at 127.0.0.1.
    #[default]
    Nftables,
}

/// What is applied to the cluster once it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Extensions {
    /// Kubernetes objects, applied in this order.
    pub manifests: Vec<Manifest>,
}

/// Kubernetes objects under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Manifest {
    /// Name in messages: lower-case letters, digits and `-`.
    pub name: String,
    /// The objects: YAML, several separated by `---`.
    pub manifest: String,
}

//! `kind: ClusterConfig`: settings shared by all nodes of a cluster, with the field names of k0s.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Serialize;

use crate::Cidr;

/// Flags of a component by name, without dashes; they override ours.
pub type ExtraArgs = BTreeMap<String, String>;

/// The settings shared by all nodes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct ClusterConfig {
    /// Name of the cluster.
    pub metadata: Metadata,
    /// The settings.
    pub spec: ClusterSpec,
}

/// Name of the cluster.
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
    /// The Kubernetes API server.
    pub api: Api,
    /// The controller manager.
    pub controller_manager: ComponentArgs,
    /// The scheduler.
    pub scheduler: ComponentArgs,
    /// The store of the API server.
    pub storage: Storage,
    /// Networks of pods and services.
    pub network: ClusterNetwork,
    /// What pods may ask for.
    pub pod_security: PodSecurity,
    /// Feature gates of all Kubernetes components.
    pub feature_gates: BTreeMap<String, bool>,
    /// Objects that are applied to the cluster once it runs.
    pub extensions: Extensions,
}

/// The Kubernetes API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Api {
    /// Address that it advertises to the cluster. Default: the node's first address.
    pub address: Option<Ipv4Addr>,
    /// Name or address by which clients outside the cluster reach it; included in its certificate and in
    /// kubeconfigs.
    pub external_address: Option<String>,
    /// TCP port. Default 6443.
    pub port: u16,
    /// Additional names and addresses in its certificate.
    pub sans: Vec<String>,
    /// What of each request goes into the audit log, `/var/log/kube-apiserver/audit.log`. Default `metadata`.
    pub audit: AuditLevel,
    /// Additional flags.
    pub extra_args: ExtraArgs,
}

impl Default for Api {
    fn default() -> Self {
        Api {
            address: None,
            external_address: None,
            port: 6443,
            sans: Vec::new(),
            audit: AuditLevel::default(),
            extra_args: ExtraArgs::new(),
        }
    }
}

/// What of each request goes into the audit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AuditLevel {
    /// There is no audit log.
    None,
    /// Who asked for what, when, and with which result.
    #[default]
    Metadata,
    /// Also what was sent; but of Secrets, ConfigMaps and tokens only the metadata.
    Request,
}

/// What pods may ask for: the defaults of Pod Security admission, for namespaces without labels of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct PodSecurity {
    /// A pod that asks for more is refused. Default `baseline`.
    pub enforce: PodSecurityLevel,
    /// Who creates a pod that asks for more is warned. Default `baseline`.
    pub warn: PodSecurityLevel,
    /// Namespaces in which nothing is refused. Default `[kube-system]`.
    pub exempt_namespaces: Vec<String>,
}

impl Default for PodSecurity {
    fn default() -> Self {
        PodSecurity {
            enforce: PodSecurityLevel::default(),
            warn: PodSecurityLevel::default(),
            exempt_namespaces: vec!["kube-system".to_owned()],
        }
    }
}

/// A level of the Pod Security Standards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum PodSecurityLevel {
    /// Everything.
    Privileged,
    /// No known way out of the container.
    #[default]
    Baseline,
    /// What is best for a pod that needs nothing special.
    Restricted,
}

impl PodSecurityLevel {
    /// Returns its name in the Pod Security Standards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PodSecurityLevel::Privileged => "privileged",
            PodSecurityLevel::Baseline => "baseline",
            PodSecurityLevel::Restricted => "restricted",
        }
    }
}

/// Additional flags of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct ComponentArgs {
    /// Flags by name, without dashes; they override ours.
    pub extra_args: ExtraArgs,
}

/// The store of the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Storage {
    /// Kind of store. Default `etcd`.
    #[serde(rename = "type")]
    pub kind: StorageKind,
    /// Settings of etcd.
    pub etcd: ComponentArgs,
}

/// A kind of store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum StorageKind {
    /// etcd.
    #[default]
    Etcd,
    /// kine over SQLite: without etcd, but slower.
    Kine,
}

/// Networks of pods and services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct ClusterNetwork {
    /// Implementation of the pod network. Default `bridge`.
    pub provider: NetworkProvider,
    /// Address range of pods, a prefix of 8 to 24. Default 10.244.0.0/16.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: Cidr,
    /// Address range of services, a prefix of 12 to 24. Default 10.96.0.0/12.
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
    /// Returns the first service address, which is the API server's.
    #[must_use]
    pub fn api_service_address(&self) -> Ipv4Addr {
        self.service_cidr.nth(1).unwrap_or(self.service_cidr.network())
    }

    /// Returns the service address of the cluster's DNS, by convention the tenth.
    #[must_use]
    pub fn dns_service_address(&self) -> Ipv4Addr {
        self.service_cidr.nth(10).unwrap_or(self.service_cidr.network())
    }

    /// Returns the pod addresses of the first node, a /24.
    #[must_use]
    pub fn first_node_cidr(&self) -> Cidr {
        Cidr::new(self.pod_cidr.network(), 24).expect("24 is at most 32")
    }
}

/// An implementation of the pod network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum NetworkProvider {
    /// A Linux bridge, for a cluster of one node.
    #[default]
    Bridge,
    /// Calico, with VXLAN between nodes, and policies. Needs the component `calico` in the image.
    Calico,
    /// None: what you install. `portmap` and the other CNI plugins of the image are there.
    Custom,
}

/// kube-proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct KubeProxy {
    /// How it implements services. Default `nftables`.
    pub mode: KubeProxyMode,
    /// Do not run it: something else implements services. Default false.
    pub disabled: bool,
}

/// How kube-proxy implements services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum KubeProxyMode {
    /// iptables rules. Each change runs the iptables programs several times, and takes longer the more
    /// services there are.
    Iptables,
    /// nftables rules; each change is one transaction. A `NodePort` is reachable at the node's own addresses,
    /// not at 127.0.0.1.
    #[default]
    Nftables,
}

/// Objects that are applied to the cluster once it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Extensions {
    /// Kubernetes objects: custom resource definitions and namespaces are applied first, otherwise in this order.
    pub manifests: Vec<Manifest>,
}

/// Named Kubernetes objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Manifest {
    /// Name in messages: lower-case letters, digits and `-`.
    pub name: String,
    /// The objects as YAML, separated by `---`.
    pub manifest: String,
}

//! Reads a [`ClusterConfig`].

use std::collections::BTreeMap;

use crate::checks;
use crate::decode::{Context, Fault, Fields, boolean, checked, entries, list, number, one_of, text};
use crate::manifest;
use crate::value::{Node, Value};
use crate::{
    Api, AuditLevel, Cidr, ClusterConfig, ClusterNetwork, ClusterSpec, ComponentArgs, Extensions, ExtraArgs,
    KubeProxy, KubeProxyMode, Manifest, Metadata, NetworkProvider, PodSecurity, PodSecurityLevel, Storage,
    StorageKind,
};

const STORES: &[(&str, StorageKind)] = &[("etcd", StorageKind::Etcd), ("kine", StorageKind::Kine)];
const PROVIDERS: &[(&str, NetworkProvider)] = &[
    ("bridge", NetworkProvider::Bridge),
    ("calico", NetworkProvider::Calico),
    ("custom", NetworkProvider::Custom),
];
const PROXY_MODES: &[(&str, KubeProxyMode)] =
    &[("iptables", KubeProxyMode::Iptables), ("nftables", KubeProxyMode::Nftables)];
const AUDIT_LEVELS: &[(&str, AuditLevel)] =
    &[("none", AuditLevel::None), ("metadata", AuditLevel::Metadata), ("request", AuditLevel::Request)];
const SECURITY_LEVELS: &[(&str, PodSecurityLevel)] = &[
    ("privileged", PodSecurityLevel::Privileged),
    ("baseline", PodSecurityLevel::Baseline),
    ("restricted", PodSecurityLevel::Restricted),
];
const PLANNED: &[&str] = &["workerProfiles", "konnectivity", "images", "dns"];
const PLANNED_NETWORK: &[&str] =
    &["dualStack", "calico", "kuberouter", "nodeLocalLoadBalancing", "controlPlaneLoadBalancing"];

/// Reads the document; `None` if an error was reported.
pub(crate) fn cluster_config(cx: &mut Context, node: &Node) -> Option<ClusterConfig> {
    let mut f = Fields::new(cx, node, &[])?;
    f.required(cx, "apiVersion", text);
    f.required(cx, "kind", text);
    let metadata = f.optional(cx, "metadata", metadata);
    let spec = f.optional(cx, "spec", spec);
    f.finish(cx);
    Some(ClusterConfig { metadata: metadata.unwrap_or_default(), spec: spec.unwrap_or_default() })
}

fn metadata(cx: &mut Context, node: &Node) -> Option<Metadata> {
    let mut f = Fields::new(cx, node, &[])?;
    let name = f.required(cx, "name", checked(checks::name));
    f.finish(cx);
    Some(Metadata { name: name? })
}

fn spec(cx: &mut Context, node: &Node) -> Option<ClusterSpec> {
    let mut f = Fields::new(cx, node, PLANNED)?;
    let spec = ClusterSpec {
        api: f.optional(cx, "api", api).unwrap_or_default(),
        controller_manager: f.optional(cx, "controllerManager", component).unwrap_or_default(),
        scheduler: f.optional(cx, "scheduler", component).unwrap_or_default(),
        storage: f.optional(cx, "storage", storage).unwrap_or_default(),
        network: f.optional(cx, "network", network).unwrap_or_default(),
        pod_security: f.optional(cx, "podSecurity", pod_security).unwrap_or_default(),
        feature_gates: f.optional(cx, "featureGates", feature_gates).unwrap_or_default(),
        extensions: f.optional(cx, "extensions", extensions).unwrap_or_default(),
    };
    f.finish(cx);
    Some(spec)
}

fn api(cx: &mut Context, node: &Node) -> Option<Api> {
    let mut f = Fields::new(cx, node, &["onlyBindToAddress", "ca"])?;
    let default = Api::default();
    let api = Api {
        address: f.optional(cx, "address", checked(checks::address)),
        external_address: f.optional(cx, "externalAddress", checked(checks::host)),
        port: f.optional(cx, "port", number(1, 65_535)).unwrap_or(default.port),
        sans: f.optional(cx, "sans", list(checked(checks::subject_name))).unwrap_or_default(),
        audit: f.optional(cx, "audit", one_of(AUDIT_LEVELS, &[])).unwrap_or_default(),
        extra_args: f.optional(cx, "extraArgs", extra_args).unwrap_or_default(),
    };
    f.finish(cx);
    Some(api)
}

fn pod_security(cx: &mut Context, node: &Node) -> Option<PodSecurity> {
    let mut f = Fields::new(cx, node, &[])?;
    let default = PodSecurity::default();
    let enforce = f.optional(cx, "enforce", one_of(SECURITY_LEVELS, &[])).unwrap_or_default();
    let warn = f.optional(cx, "warn", one_of(SECURITY_LEVELS, &[])).unwrap_or(enforce);
    let exempt = f.optional(cx, "exemptNamespaces", list(checked(checks::name)));
    f.finish(cx);
    Some(PodSecurity { enforce, warn, exempt_namespaces: exempt.unwrap_or(default.exempt_namespaces) })
}

fn component(cx: &mut Context, node: &Node) -> Option<ComponentArgs> {
    let mut f = Fields::new(cx, node, &[])?;
    let extra_args = f.optional(cx, "extraArgs", extra_args).unwrap_or_default();
    f.finish(cx);
    Some(ComponentArgs { extra_args })
}

/// Reads flags; numbers and booleans are accepted as text.
fn extra_args(cx: &mut Context, node: &Node) -> Option<ExtraArgs> {
    let mut args = ExtraArgs::new();
    for (key, value) in entries(cx, node)? {
        let name = checks::flag(&key.text).map_err(|fault| cx.report(key.place, fault)).ok();
        let value = cx.at(key.text.clone(), |cx| match &value.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Integer(value) => Some(value.to_string()),
            _ => checked(checks::one_line)(cx, value),
        });
        args.extend(name.zip(value));
    }
    Some(args)
}

fn storage(cx: &mut Context, node: &Node) -> Option<Storage> {
    let mut f = Fields::new(cx, node, &["kine"])?;
    let kind = f.optional(cx, "type", one_of(STORES, &[])).unwrap_or_default();
    let etcd = f.optional(cx, "etcd", component);
    if kind == StorageKind::Kine
        && let Some(node) = f.get("etcd")
    {
        cx.report(node.place, Fault::new("settings of etcd, but the storage type is kine"));
    }
    f.finish(cx);
    Some(Storage { kind, etcd: etcd.unwrap_or_default() })
}

fn network(cx: &mut Context, node: &Node) -> Option<ClusterNetwork> {
    let mut f = Fields::new(cx, node, PLANNED_NETWORK)?;
    let default = ClusterNetwork::default();
    let provider = f.optional(cx, "provider", one_of(PROVIDERS, &["kuberouter"]));
    let pods = f.optional(cx, "podCIDR", range_of(8, 24)).unwrap_or(default.pod_cidr);
    let services = f.optional(cx, "serviceCIDR", range_of(12, 24)).unwrap_or(default.service_cidr);
    let domain = f.optional(cx, "clusterDomain", checked(checks::dns_name));
    let kube_proxy = f.optional(cx, "kubeProxy", kube_proxy).unwrap_or_default();
    if pods.overlaps(services) {
        let place = f.get("serviceCIDR").or_else(|| f.get("podCIDR")).map_or(node.place, |n| n.place);
        cx.report(place, Fault::new(format!("pods {pods} and services {services} overlap")));
    }
    f.finish(cx);
    Some(ClusterNetwork {
        provider: provider.unwrap_or_default(),
        pod_cidr: pods,
        service_cidr: services,
        cluster_domain: domain.unwrap_or(default.cluster_domain),
        kube_proxy,
    })
}

/// Returns a reader of ranges whose prefix length is between `min` and `max`.
fn range_of(min: u8, max: u8) -> impl Fn(&mut Context, &Node) -> Option<Cidr> {
    checked(move |text| {
        let range = checks::range(text)?;
        if (min..=max).contains(&range.prefix()) {
            return Ok(range);
        }
        Err(Fault::new(format!("expected a prefix length from {min} to {max}, found {}", range.prefix())))
    })
}

fn kube_proxy(cx: &mut Context, node: &Node) -> Option<KubeProxy> {
    let mut f = Fields::new(cx, node, &[])?;
    let mode = f.optional(cx, "mode", one_of(PROXY_MODES, &[])).unwrap_or_default();
    let disabled = f.optional(cx, "disabled", boolean).unwrap_or_default();
    f.finish(cx);
    Some(KubeProxy { mode, disabled })
}

fn feature_gates(cx: &mut Context, node: &Node) -> Option<BTreeMap<String, bool>> {
    let mut gates = BTreeMap::new();
    for (key, value) in entries(cx, node)? {
        let name = checks::feature_gate(&key.text).map_err(|fault| cx.report(key.place, fault)).ok();
        let value = cx.at(key.text.clone(), |cx| boolean(cx, value));
        gates.extend(name.zip(value));
    }
    Some(gates)
}

fn extensions(cx: &mut Context, node: &Node) -> Option<Extensions> {
    let mut f = Fields::new(cx, node, &["helm"])?;
    let manifests = f.optional(cx, "manifests", list(manifest)).unwrap_or_default();
    f.finish(cx);
    Some(Extensions { manifests })
}

/// Reads a manifest and checks that it contains Kubernetes objects.
fn manifest(cx: &mut Context, node: &Node) -> Option<Manifest> {
    let mut f = Fields::new(cx, node, &[])?;
    let name = f.required(cx, "name", checked(checks::name));
    let manifest = f.required(cx, "manifest", |cx, node| {
        let manifest = text(cx, node)?;
        if let Err(errors) = manifest::objects("manifest", &manifest) {
            for e in errors.errors {
                let fault = Fault::new(format!("line {}: {}", e.line, e.message));
                cx.report(node.place, Fault { hint: e.hint, ..fault });
            }
        }
        Some(manifest)
    });
    f.finish(cx);
    Some(Manifest { name: name?, manifest: manifest? })
}

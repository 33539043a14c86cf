//! kubelet.

use control::{Limits, Probe, User};
use serde_json::{Value, json};

use super::builder::{Flags, after, daemon, health};
use super::controllers::node_kubeconfig;
use super::parts::Parts;
use super::{apiserver, runtime};
use crate::facts::Facts;
use crate::file::{Directory, File};
use crate::pki::member;

const CONFIG: &str = "/etc/kubernetes/kubelet.yaml";
/// Processes and threads of one pod.
const POD_PIDS_LIMIT: u32 = 4096;
/// Port of its health check, on the loopback address only.
const HEALTH_PORT: u16 = 10_248;

pub(crate) fn add(facts: &Facts, parts: &mut Parts) {
    let mut flags = Flags::new([
        ("config", CONFIG),
        ("kubeconfig", "/etc/kubernetes/kubelet.kubeconfig"),
        ("root-dir", "/var/lib/kubelet"),
        ("hostname-override", facts.node.hostname.as_str()),
        ("node-ip", &facts.address.to_string()),
    ]);
    let labels: Vec<String> = facts.node.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    if !labels.is_empty() {
        flags.set("node-labels", labels.join(","));
    }
    let mut service = daemon("kubelet", User::ROOT, flags.command("/usr/bin/kubelet"));
    service.after = after([runtime::IMPORT]);
    if facts.server.is_none() {
        service.after.extend(after([apiserver::ANSWER]));
    }
    let probe = Probe::Http { port: HEALTH_PORT, path: "/healthz".to_owned() };
    service.readiness = Some(probe.clone());
    service.health = health(probe);
    service.limits = Limits {
        cpu_weight: Some(500),
        oom_score_adj: Some(-999),
        open_files: Some(1 << 20),
        ..Limits::default()
    };
    parts.directories.push(Directory::private("/var/lib/kubelet", User::ROOT));
    parts.files.push(File::private(CONFIG, User::ROOT, format!("{:#}\n", config(facts))));
    parts.files.push(node_kubeconfig(facts, "kubelet"));
    parts.services.push(service);
}

/// Returns the `KubeletConfiguration`: ours, overridden by the node's `kubelet.extraConfig`.
fn config(facts: &Facts) -> Value {
    let network = &facts.cluster.spec.network;
    let (certificate, key) = match facts.server {
        None => ("/state/pki/kubelet/server.crt", "/state/pki/kubelet/server.key"),
        Some(_) => (member::SERVER_PATH, member::SERVER_PATH),
    };
    let taints: Vec<Value> = facts
        .node
        .taints
        .iter()
        .map(|t| json!({ "key": t.key, "value": t.value, "effect": format!("{:?}", t.effect) }))
        .collect();
    let mut config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": "/state/pki/kubelet/ca.crt" },
        },
        "authorization": { "mode": "Webhook" },
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [network.dns_service_address().to_string()],
        "clusterDomain": network.cluster_domain,
        "containerRuntimeEndpoint": format!("unix://{}", runtime::SOCKET),
        "enableDebuggingHandlers": true,
        "failSwapOn": false,
        "featureGates": facts.cluster.spec.feature_gates,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": HEALTH_PORT,
        // What the control plane, if it runs here, and the node's own programs use; pods are scheduled into the rest.
        "kubeReserved": { "cpu": "200m", "memory": if facts.server.is_none() { "640Mi" } else { "192Mi" } },
        "systemReserved": { "cpu": "100m", "memory": "192Mi" },
        "podPidsLimit": POD_PIDS_LIMIT,
        // The kernel's settings are init's; one that differs is an error, never changed in passing.
        "protectKernelDefaults": true,
        "registerWithTaints": taints,
        "resolvConf": "/etc/resolv.conf",
        // Pods without a seccomp profile of their own get the runtime's.
        "seccompDefault": true,
        // `noded` issues or obtains both certificates, and the kubelet reloads them when they change.
        "rotateCertificates": false,
        "serverTLSBootstrap": false,
        "shutdownGracePeriod": "0s",
        "shutdownGracePeriodCriticalPods": "0s",
        "tlsCertFile": certificate,
        "tlsPrivateKeyFile": key,
        "tlsMinVersion": "VersionTLS12",
        "volumePluginDir": "/usr/libexec/kubernetes/kubelet-plugins/volume/exec",
    });
    for (key, value) in &facts.node.kubelet.extra_config {
        config[key] = value.clone();
    }
    config
}

//! kube-proxy, which runs as a process like all other components.

use config::KubeProxyMode;
use control::{Limits, Probe, User};
use serde_json::{Value, json};

use super::apiserver;
use super::builder::{after, daemon};
use super::controllers::node_kubeconfig;
use super::parts::Parts;
use crate::facts::Facts;
use crate::file::File;

const CONFIG: &str = "/etc/kubernetes/kube-proxy.yaml";
/// Port of its health check, on the loopback address only.
const HEALTH_PORT: u16 = 10_256;

pub(crate) fn add(facts: &Facts, parts: &mut Parts) {
    let command = vec!["/usr/bin/kube-proxy".to_owned(), format!("--config={CONFIG}")];
    let mut service = daemon("kube-proxy", User::ROOT, command);
    if facts.server.is_none() {
        service.after = after([apiserver::ANSWER]);
    }
    service.readiness = Some(Probe::Http { port: HEALTH_PORT, path: "/livez".to_owned() });
    service.limits = Limits { oom_score_adj: Some(-970), open_files: Some(65_536), ..Limits::default() };
    parts.files.push(File::private(CONFIG, User::ROOT, format!("{:#}\n", config(facts))));
    // On a node that has joined it uses the node's certificate, whose group may read what it needs: a kubelet sees all
    // services and pods of its node anyway, and so a second identity would protect little.
    parts.files.push(node_kubeconfig(facts, "kube-proxy"));
    parts.services.push(service);
}

fn config(facts: &Facts) -> Value {
    let network = &facts.cluster.spec.network;
    // By default, nftables mode uses the address that the node has when kube-proxy starts.
    let (mode, node_port_addresses) = match network.kube_proxy.mode {
        KubeProxyMode::Iptables => ("iptables", json!(null)),
        KubeProxyMode::Nftables => ("nftables", json!(["0.0.0.0/0", "::/0"])),
    };
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": { "kubeconfig": "/etc/kubernetes/kube-proxy.kubeconfig" },
        "clusterCIDR": network.pod_cidr.to_string(),
        // Keeps the kernel's own limit.
        "conntrack": { "maxPerCore": 0, "min": 0 },
        "featureGates": facts.cluster.spec.feature_gates,
        "healthzBindAddress": format!("127.0.0.1:{HEALTH_PORT}"),
        "hostnameOverride": facts.node.hostname,
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": mode,
        "nodePortAddresses": node_port_addresses,
    })
}

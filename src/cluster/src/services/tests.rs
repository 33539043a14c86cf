//! The services of a node as text, for review.

use std::fmt::Write;

use config::{ClusterConfig, StorageKind};

use super::single;
use crate::facts::fixture::{facts, node};

/// The services with their flags, one per line.
fn show(cluster: &ClusterConfig) -> String {
    let node = node();
    let parts = single(&facts(&node, cluster));
    control::validate_all(&parts.services).unwrap();
    let mut out = String::new();
    for service in &parts.services {
        let after: Vec<&str> = service.after.iter().map(String::as_str).collect();
        let user = service.user;
        writeln!(out, "{} as {}:{} after [{}]", service.name, user.uid, user.gid, after.join(" ")).unwrap();
        service.command.iter().for_each(|word| writeln!(out, "  {word}").unwrap());
    }
    out
}

#[test]
fn single_node_with_etcd() {
    assert_eq!(show(&ClusterConfig::default()), include_str!("single-etcd.txt"));
}

#[test]
fn kine_takes_the_place_of_etcd() {
    let mut cluster = ClusterConfig::default();
    cluster.spec.storage.kind = StorageKind::Kine;
    let expected = "etcd as 204:204 after []
  /usr/bin/kine
  --compact-interval=0
  --endpoint=sqlite:///state/kine/state.db?_journal_mode=WAL&_busy_timeout=30000&_synchronous=FULL&_txlock=immediate
  --listen-address=127.0.0.1:2379
  --metrics-bind-address=0
  --server-cert-file=/state/pki/etcd/server.crt
  --server-key-file=/state/pki/etcd/server.key
  --trusted-ca-file=/state/pki/etcd/ca.crt
";
    assert!(show(&cluster).starts_with(expected), "{}", show(&cluster));
}

#[test]
fn settings_reach_the_flags() {
    let mut cluster = ClusterConfig::default();
    let spec = &mut cluster.spec;
    spec.api.extra_args.insert("v".into(), "4".into());
    spec.api.extra_args.insert("anonymous-auth".into(), "true".into());
    spec.scheduler.extra_args.insert("kube-api-qps".into(), "7".into());
    spec.feature_gates.insert("AllAlpha".into(), false);
    spec.network.kube_proxy.disabled = true;
    spec.api.port = 443;
    let shown = show(&cluster);
    for line in
        ["  --v=4", "  --anonymous-auth=true", "  --kube-api-qps=7", "  --feature-gates=AllAlpha=false"]
    {
        assert!(shown.lines().any(|l| l == line), "{line} is missing");
    }
    assert!(!shown.contains("kube-proxy") && !shown.contains("--anonymous-auth=false"));
    let node = node();
    let parts = single(&facts(&node, &cluster));
    let api = parts.services.iter().find(|s| s.name == "kube-apiserver").unwrap();
    assert!(api.limits.capabilities.contains("net-bind-service"));
}

#[test]
fn nothing_runs_as_root_but_what_must() {
    let node = node();
    let parts = single(&facts(&node, &ClusterConfig::default()));
    let root: Vec<&str> =
        parts.services.iter().filter(|s| s.user.uid == 0).map(|s| s.name.as_str()).collect();
    let expected = ["containerd", "image-import", "kube-apiserver-port", "kubelet", "kube-proxy"];
    assert_eq!(root, expected);
}

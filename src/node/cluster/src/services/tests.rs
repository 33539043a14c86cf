//! The services of a node as text, for review.

use std::fmt::Write;
use std::path::Path;

use config::{AuditLevel, ClusterConfig, KubeProxyMode, Role, StorageKind, Taint, TaintEffect};

use super::of;
use crate::duties::Duties;
use crate::facts::fixture::{facts, node};

const SINGLE: Duties = Duties::of(Role::Single);

/// The services with their flags, one per line.
fn show(cluster: &ClusterConfig) -> String {
    let node = node();
    let parts = of(SINGLE, &facts(&node, cluster));
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
fn etcds_quota_leaves_room_for_a_copy() {
    const MIB: u64 = 1 << 20;
    for (state, quota) in [
        (0, None),
        (600 * MIB, Some(256 * MIB)),
        (1024 * MIB, Some(512 * MIB)),
        // What a file system of 4 GiB has for files: the quota is not a little less than etcd's default.
        (3940 * MIB, Some(2048 * MIB)),
        (4096 * MIB, Some(2048 * MIB)),
        (6144 * MIB, Some(2048 * MIB)),
        (16 * 1024 * MIB, Some(4096 * MIB)),
        (100 * 1024 * MIB, Some(8192 * MIB)),
    ] {
        assert_eq!(super::store::quota_bytes(state), quota, "{} MiB", state / MIB);
    }
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
    let shown = show(&cluster);
    assert!(shown.starts_with(expected), "{shown}");
    for flag in
        ["--etcd-servers=https://127.0.0.1:2379", "--etcd-certfile=/state/pki/apiserver/etcd-client.crt"]
    {
        assert!(shown.lines().any(|l| l.trim() == flag), "{flag} is missing in\n{shown}");
    }
}

#[test]
fn etcds_sockets_are_for_etcd_and_the_api_server() {
    let node = node();
    let parts = of(SINGLE, &facts(&node, &ClusterConfig::default()));
    let user = |name: &str| parts.services.iter().find(|s| s.name == name).unwrap().user;
    let sockets = parts.directories.iter().find(|d| d.path == Path::new("/run/etcd")).unwrap();
    assert_eq!((sockets.owner.uid, sockets.owner.gid), (user("etcd").uid, user("kube-apiserver").gid));
    assert_eq!(sockets.mode, 0o2710);
    let others = parts.services.iter().filter(|s| !s.name.starts_with("kube-apiserver"));
    assert!(others.map(|s| s.user.gid).all(|gid| gid != sockets.owner.gid));
}

/// A planned file as JSON.
fn json_file(cluster: &ClusterConfig, path: &str) -> serde_json::Value {
    let node = node();
    let parts = of(SINGLE, &facts(&node, cluster));
    let file = parts.files.iter().find(|f| f.path == Path::new(path)).unwrap();
    serde_json::from_slice(&file.contents).unwrap()
}

#[test]
fn the_kubelets_settings_are_laid_over_ours() {
    let mut node = node();
    node.kubelet.extra_config.insert("maxPods".into(), 30.into());
    node.kubelet.extra_config.insert("failSwapOn".into(), true.into());
    node.taints = vec![Taint { key: "a".into(), value: String::new(), effect: TaintEffect::NoExecute }];
    let cluster = ClusterConfig::default();
    let parts = of(SINGLE, &facts(&node, &cluster));
    let file = parts.files.iter().find(|f| f.path.ends_with("kubelet.yaml")).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&file.contents).unwrap();
    assert_eq!((&found["maxPods"], &found["failSwapOn"]), (&30.into(), &true.into()));
    assert_eq!(found["registerWithTaints"][0]["effect"], "NoExecute");
    assert_eq!(found["clusterDNS"][0], "10.96.0.10");
    assert_eq!(found["authentication"]["anonymous"]["enabled"], false);
}

#[test]
fn the_pod_network_reaches_every_file() {
    let mut cluster = ClusterConfig::default();
    cluster.spec.network.pod_cidr = "10.32.0.0/12".parse().unwrap();
    cluster.spec.network.kube_proxy.mode = KubeProxyMode::Iptables;
    let cni = json_file(&cluster, "/etc/cni/net.d/10-ironhull.conflist");
    assert_eq!(cni["plugins"][0]["ipam"]["ranges"][0][0]["subnet"], "10.32.0.0/24");
    let proxy = json_file(&cluster, "/etc/kubernetes/kube-proxy.yaml");
    assert_eq!((&proxy["clusterCIDR"], &proxy["mode"]), (&"10.32.0.0/12".into(), &"iptables".into()));
    assert!(show(&cluster).contains("--cluster-cidr=10.32.0.0/12"));
}

#[test]
fn every_file_has_its_directory_and_kubeconfigs_their_owner() {
    let node = node();
    let parts = of(SINGLE, &facts(&node, &ClusterConfig::default()));
    for file in &parts.files {
        assert!(parts.directories.iter().any(|d| Some(d.path.as_path()) == file.path.parent()), "{file:?}");
    }
    let owner = |name: &str| {
        let file = parts.files.iter().find(|f| f.path.ends_with(format!("{name}.kubeconfig"))).unwrap();
        (file.owner.uid, file.mode)
    };
    let found = ["controller-manager", "scheduler", "kubelet", "kube-proxy"].map(owner);
    assert_eq!(found, [(202, 0o600), (203, 0o600), (0, 0o600), (0, 0o600)]);
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
    spec.api.audit = AuditLevel::None;
    let shown = show(&cluster);
    for line in
        ["  --v=4", "  --anonymous-auth=true", "  --kube-api-qps=7", "  --feature-gates=AllAlpha=false"]
    {
        assert!(shown.lines().any(|l| l == line), "{line} is missing");
    }
    assert!(!shown.contains("--audit-") && shown.contains("--admission-control-config-file="));
    assert!(!shown.contains("kube-proxy") && !shown.contains("--anonymous-auth=false"));
    let node = node();
    let parts = of(SINGLE, &facts(&node, &cluster));
    let api = parts.services.iter().find(|s| s.name == "kube-apiserver").unwrap();
    assert!(api.limits.capabilities.contains("net-bind-service"));
}

#[test]
fn nothing_runs_as_root_but_what_must() {
    let node = node();
    let parts = of(SINGLE, &facts(&node, &ClusterConfig::default()));
    let root: Vec<&str> =
        parts.services.iter().filter(|s| s.user.uid == 0).map(|s| s.name.as_str()).collect();
    let expected = ["containerd", "image-import", "kubelet", "kube-proxy"];
    assert_eq!(root, expected);
}

#[test]
fn services_are_woken_late_but_never_pods() {
    let parts = of(SINGLE, &facts(&node(), &ClusterConfig::default()));
    for service in &parts.services {
        let late = service.limits.timer_slack_us.is_some();
        assert_eq!(late, service.name != "containerd", "{}", service.name);
    }
}

//! A snapshot of the running store comes to the operator's machine, and its restore brings the cluster back to it while
//! containers go on. What the store held before stays on the node. Damaged snapshots change nothing.

use std::fs;
use std::path::Path;
use std::process::Output;

use e2e::lab::Lab;
use e2e::node::{Node, wait};
use sha2::{Digest, Sha256};

/// The test.
pub fn show(lab: &mut Lab) {
    let dir = lab.dir().join("store");
    fs::create_dir(&dir).unwrap();
    let node = lab.node();
    a_snapshot_comes_back(node, &dir, &[]);
    etcd_gets_room(node);
}

/// Makes a snapshot, changes the cluster, and restores it; `access` are options with which the node lets us in.
pub fn a_snapshot_comes_back(node: &Node, dir: &Path, access: &[&str]) {
    let file = dir.join("cluster.db");
    let shown = file.display().to_string();
    let order = |words: &[&str]| node.order(&[access, words].concat());
    let found = |name: &str| node.try_kubectl(&["get", "configmap", name]).is_ok();
    let _ = node.kubectl(&["create", "configmap", "before", "--from-literal=a=b"]);
    // By it a snapshot shows of which cluster it is.
    let root = ["get", "configmap", "kube-root-ca.crt", "--namespace", "kube-system"];
    wait("the root certificate is published", || node.try_kubectl(&root).is_ok());
    let made = order(&["etcd", "snapshot", &shown]);
    assert!(made.status.success(), "{}", said(&made));
    let _ = node.kubectl(&["create", "configmap", "after", "--from-literal=a=b"]);
    let _ = node.kubectl(&["delete", "configmap", "before"]);
    let restarts = containers(node);

    damaged_ones_are_refused(&order, &file);
    let dry = order(&["etcd", "restore", &shown]);
    assert!(dry.status.success() && found("after"), "{}", said(&dry));

    let restored = order(&["etcd", "restore", &shown, "--yes"]);
    assert!(restored.status.success(), "{}\n{}", said(&restored), node.serial());
    wait("the cluster is the one of the snapshot", || found("before"));
    let gone = node.try_kubectl(&["get", "configmap", "after"]).unwrap_err();
    assert!(gone.contains("not found"), "{gone}");
    let _ = node.kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=240s"]);
    assert_eq!(containers(node), restarts, "containers go on");
    let _ = node.kubectl(&["create", "configmap", "later", "--from-literal=a=b"]);
    let state = node.ask(&[access, &["state"]].concat());
    let kept = state["snapshots"].as_array().unwrap();
    assert!(kept.iter().any(|s| s["kind"] == "store"), "{kept:?}");
}

/// Both orders that give etcd room say what they did, and its database is below the quota of its partition.
fn etcd_gets_room(node: &Node) {
    for order in ["defrag", "disarm"] {
        let done = node.ask(&["etcd", order]);
        assert!(done["result"].as_str().unwrap().contains("MiB"), "{done}");
    }
    wait("the room is told", || {
        let status = node.ask(&["status"]);
        let is_true = |kind: &str| {
            let found = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == kind).cloned();
            found.is_some_and(|c| c["status"] == "True")
        };
        ["StateHasRoom", "DataHasRoom", "StoreHasRoom"].into_iter().all(is_true)
    });
    let _ = node.kubectl(&["create", "configmap", "with-room", "--from-literal=a=b"]);
}

/// One with a changed byte is refused before the upload; the node refuses one of which only the SHA-256 is right.
fn damaged_ones_are_refused(order: &dyn Fn(&[&str]) -> Output, file: &Path) {
    let bad = file.with_extension("bad");
    let shown = bad.display().to_string();
    let text = fs::read(file).unwrap();
    let refused = |text: &[u8], why: &str| {
        fs::write(&bad, text).unwrap();
        let refused = order(&["etcd", "restore", &shown, "--yes"]);
        assert!(!refused.status.success() && said(&refused).contains(why), "{why}: {}", said(&refused));
    };
    let mut changed = text.clone();
    changed[9000] ^= 1;
    refused(&changed, "expected a snapshot of etcd or kine");
    let cut = &text[..8192];
    refused(&[cut, &Sha256::digest(cut)].concat(), "nothing was changed");
}

/// Returns the containers that run, and how often each was restarted.
fn containers(node: &Node) -> String {
    let path =
        "jsonpath={range .items[*].status.containerStatuses[*]}{.containerID} {.restartCount}{\"\\n\"}{end}";
    node.kubectl(&["get", "pods", "-A", "-o", path])
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

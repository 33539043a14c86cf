//! The cluster's defaults hold: Pod Security, seccomp, the limit of processes, reservations, and the audit log.

use std::io::Write;
use std::process::Stdio;

use e2e::lab::Lab;
use e2e::node::Node;
use serde_json::Value;

/// A pod that baseline refuses.
const PRIVILEGED: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"privileged"},"spec":{"containers":
[{"name":"a","image":"ironhull.local/hello:1","securityContext":{"privileged":true}}]}}"#;

/// Shows it.
pub fn show(lab: &mut Lab) {
    let node = lab.node();
    let refused = create(node, "default").unwrap_err();
    assert!(refused.contains("violates PodSecurity \"baseline:latest\""), "{refused}");
    create(node, "kube-system").unwrap();

    let name = node.kubectl(&["get", "nodes", "-o", "name"]);
    let name = name.trim().trim_start_matches("node/");
    let raw = |path: &str| node.kubectl(&["get", "--raw", &format!("/api/v1/nodes/{name}/proxy/{path}")]);
    let kubelet: Value = serde_json::from_str(&raw("configz")).unwrap();
    let kubelet = &kubelet["kubeletconfig"];
    assert_eq!((&kubelet["seccompDefault"], &kubelet["podPidsLimit"]), (&true.into(), &4096.into()));
    let of_node: Value = serde_json::from_str(&node.kubectl(&["get", "node", name, "-o", "json"])).unwrap();
    let memory = |what: &str| {
        let text = of_node["status"][what]["memory"].as_str().unwrap();
        text.trim_end_matches("Ki").parse::<u64>().unwrap()
    };
    // Reserved, and the 100 MiB below which the kubelet evicts.
    assert_eq!(memory("capacity") - memory("allocatable"), (832 + 100) << 10);

    let log = raw("logs/kube-apiserver/audit.log");
    let entries = log.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
    let refusals =
        entries.filter(|e| e["objectRef"]["name"] == "privileged" && e["responseStatus"]["code"] == 403);
    let users: Vec<Value> = refusals.map(|e| e["user"]["groups"][0].clone()).collect();
    assert!(users.contains(&"ironhull:operators".into()), "{users:?}");
}

/// Asks for a privileged pod, without keeping it.
fn create(node: &Node, namespace: &str) -> Result<(), String> {
    let mut kubectl = node.kubectl_command(&["create", "--dry-run=server", "-n", namespace, "-f", "-"]);
    let piped = kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(PRIVILEGED.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

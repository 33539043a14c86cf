//! Drains the node before it reboots.
//!
//! Like `kubectl drain --ignore-daemonsets --delete-emptydir-data`: cordons the node, then evicts each pod,
//! which respects disruption budgets. The bring-up after the reboot uncordons the node.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::json;

use crate::kube::{Kube, cordon, uncordon};

/// Time limit for all pods to end, including their own grace periods.
const PATIENCE: Duration = Duration::from_secs(300);
/// Polling interval.
const PAUSE: Duration = Duration::from_secs(2);

/// The needed fields of a list of pods.
#[derive(Deserialize)]
struct Pods {
    items: Vec<Pod>,
}

#[derive(Deserialize)]
struct Pod {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    annotations: std::collections::BTreeMap<String, String>,
    owner_references: Vec<Owner>,
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
}

/// Cordons the Kubernetes node `name` and evicts its pods; returns when they are gone. `advanced` is called
/// with the number of pods that are gone and the total, and returns false to stop.
///
/// # Errors
/// If some pods are not gone after five minutes, with their names, or the API server can't be reached or
/// refuses; the node is uncordoned then.
pub fn drain(kube: &Kube, name: &str, advanced: &mut dyn FnMut(u64, u64) -> bool) -> Result<()> {
    cordon(kube, name)?;
    let emptied = empty(kube, name, advanced);
    if emptied.is_err()
        && let Err(e) = uncordon(kube, name)
    {
        eprintln!("noded: {e:#}");
    }
    emptied
}

fn empty(kube: &Kube, name: &str, advanced: &mut dyn FnMut(u64, u64) -> bool) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    let mut most = 0;
    loop {
        let list: Pods = kube.get(&format!("/api/v1/pods?fieldSelector=spec.nodeName={name}"))?;
        let left: Vec<&Pod> = list.items.iter().filter(|p| must_go(p)).collect();
        most = most.max(left.len() as u64);
        if !advanced(most - left.len() as u64, most) {
            bail!("cancelled");
        }
        if left.is_empty() {
            return Ok(());
        }
        let mut refused = Vec::new();
        for pod in left.iter().filter(|p| p.metadata.deletion_timestamp.is_none()) {
            // A disruption budget may allow it once another pod is ready elsewhere.
            if let Err(e) = evict(kube, pod) {
                refused.push(format!("{}/{}: {e:#}", pod.metadata.namespace, pod.metadata.name));
            }
        }
        if Instant::now() >= end {
            let names: Vec<String> =
                left.iter().map(|p| format!("{}/{}", p.metadata.namespace, p.metadata.name)).collect();
            bail!("pods were not evicted: {}; {}", names.join(", "), refused.join("; "));
        }
        thread::sleep(PAUSE);
    }
}

/// Returns whether a pod must be evicted: mirrors of static pods, pods of daemon sets and completed ones are
/// not.
fn must_go(pod: &Pod) -> bool {
    let mirror = pod.metadata.annotations.contains_key("kubernetes.io/config.mirror");
    let of_daemon_set = pod.metadata.owner_references.iter().any(|o| o.kind == "DaemonSet");
    let ended = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    !mirror && !of_daemon_set && !ended
}

fn evict(kube: &Kube, pod: &Pod) -> Result<()> {
    let Metadata { name, namespace, .. } = &pod.metadata;
    let eviction = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": { "name": name, "namespace": namespace },
    });
    kube.post(&format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction"), &eviction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_node_stays() {
        let pods = json!({ "items": [
            { "metadata": { "name": "a", "namespace": "x" }, "status": { "phase": "Running" } },
            { "metadata": { "name": "b", "namespace": "x", "ownerReferences": [{ "kind": "DaemonSet" }] } },
            { "metadata": { "name": "c", "namespace": "x",
                "annotations": { "kubernetes.io/config.mirror": "1" } } },
            { "metadata": { "name": "d", "namespace": "x" }, "status": { "phase": "Succeeded" } },
            { "metadata": { "name": "e", "namespace": "x", "ownerReferences": [{ "kind": "ReplicaSet" }] } },
        ] });
        let pods: Pods = serde_json::from_value(pods).unwrap();
        let going: Vec<&str> =
            pods.items.iter().filter(|p| must_go(p)).map(|p| p.metadata.name.as_str()).collect();
        assert_eq!(going, ["a", "e"]);
    }
}

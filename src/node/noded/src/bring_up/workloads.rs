//! Workloads: keeps the manifests applied, and follows the Kubernetes node and the manifests' pods.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use cluster::Manifest;
use serde_json::json;

use super::services;
use crate::back_off::BackOff;
use crate::condition::{Claim, MANIFESTS_APPLIED, NODE_READY, PODS_READY};
use crate::kube::{Kube, Observed, Readiness, Resource, has_pods, readiness, uncordon, watch_one};
use crate::manifests::{Keeper, definitions};
use crate::node::Node;
use crate::thread::spawn_or_tell;
use crate::upgrade::Upgrader;

/// The API server ends a watch after this time; then the next one begins.
const WATCH: Duration = Duration::from_secs(600);
/// Polling interval of objects once they are applied, and of pods once they are ready.
const LATER: Duration = Duration::from_secs(60);

/// Follows the Kubernetes node, keeps the manifests applied and follows their pods, as far as these are the node's
/// duties; returns when the threads for this have been started.
pub fn follow(node: &Arc<Node>, upgrader: &Arc<Upgrader>, manifests: &[Manifest]) {
    let duties = node.duties;
    let waiting = |kind| node.claim(kind, Claim::unknown("Waiting", "waiting for the apiserver"));
    if duties.workloads {
        waiting(NODE_READY);
    }
    if duties.control_plane {
        waiting(MANIFESTS_APPLIED);
        services::wait_for(node, "kube-apiserver");
    }
    if duties.workloads {
        let (follower, upgrader) = (Arc::clone(node), Arc::clone(upgrader));
        spawn_or_tell("node", move || follow_node(&follower, &upgrader));
    }
    if duties.control_plane {
        let (applied, manifests) = (Arc::clone(node), manifests.to_vec());
        spawn_or_tell("manifests", move || keep_applied(&applied, manifests));
    }
}

fn pauses() -> BackOff {
    BackOff::new(Duration::from_millis(250), Duration::from_secs(4))
}

/// Keeps all manifests applied, for ever. Their pods are followed once everything was applied.
fn keep_applied(node: &Arc<Node>, mut manifests: Vec<Manifest>) {
    let mut pauses = pauses();
    loop {
        match definitions(node.documents.cluster.spec.network.provider) {
            Ok(more) => break manifests.extend(more),
            Err(e) => node.claim(MANIFESTS_APPLIED, Claim::no("Failed", format!("{e:#}"))),
        }
        pauses.sleep();
    }
    pauses.reset();
    let mut keeper = Keeper::new(&manifests);
    let mut followed = false;
    loop {
        match node.kube().and_then(|kube| keeper.pass(&kube)) {
            Ok(resources) => {
                node.claim(MANIFESTS_APPLIED, Claim { message: keeper.summary(), ..Claim::yes("Applied") });
                if !std::mem::replace(&mut followed, true) {
                    node.init.stage("manifests");
                    follow_workloads(node, resources);
                }
                pauses.reset();
                thread::sleep(LATER);
            }
            Err(e) => {
                node.claim(MANIFESTS_APPLIED, Claim::no("Failed", format!("{e:#}")));
                pauses.sleep();
            }
        }
    }
}

/// Starts to follow the pods of those resources that have any.
fn follow_workloads(node: &Arc<Node>, resources: Vec<Resource>) {
    let follower = Arc::clone(node);
    let workloads: Vec<Resource> = resources.into_iter().filter(|r| has_pods(&r.kind)).collect();
    if !workloads.is_empty() {
        spawn_or_tell("pods", move || follow_pods(&follower, &workloads));
    }
}

/// Watches the Kubernetes node of this machine, for ever.
fn follow_node(node: &Node, upgrader: &Upgrader) {
    let itself = Resource {
        kind: "Node".into(),
        collection: "/api/v1/nodes".into(),
        name: node.documents.node.hostname.clone(),
    };
    node.claim(NODE_READY, Claim::unknown("Waiting", "the kubelet has not registered the node"));
    let mut told = false;
    let mut pauses = pauses();
    loop {
        let mut named = false;
        let watched = node.kube().and_then(|kube| {
            watch_one(&kube, &itself, WATCH, |state| {
                let claim = claim(&itself.kind, state.as_ref());
                if !told && claim.status == api::ConditionStatus::True {
                    told = true;
                    node.init.stage("node-ready");
                }
                if !named && state.is_some() {
                    named = true;
                    if node.duties.control_plane {
                        name_role(&kube, &itself);
                    }
                    welcome_pods(upgrader, &kube, &itself);
                }
                node.claim(NODE_READY, claim);
                true
            })
        });
        match watched {
            Ok(()) => pauses.reset(),
            Err(e) => node.claim(NODE_READY, Claim::unknown("NoAnswer", format!("{e:#}"))),
        }
        pauses.sleep();
    }
}

/// Sets the label by which `kubectl` shows the role of the Kubernetes node. The kubelet must not do so itself
/// (admission plugin `NodeRestriction`). It is set again with each watch, so a failure is only logged.
fn name_role(kube: &Kube, itself: &Resource) {
    let object = json!({
        "apiVersion": "v1",
        "kind": itself.kind,
        "metadata": { "name": itself.name, "labels": { "node-role.kubernetes.io/control-plane": "" } },
    });
    if let Err(e) = kube.apply(&itself.path(), &object) {
        eprintln!("noded: labelling the node: {e:#}");
    }
}

/// Makes the Kubernetes node schedulable again after an upgrade that has drained it.
fn welcome_pods(upgrader: &Upgrader, kube: &Kube, itself: &Resource) {
    if upgrader.status().stage.is_busy() {
        return;
    }
    if let Err(e) = uncordon(kube, &itself.name) {
        eprintln!("noded: uncordoning the node: {e:#}");
    }
}

/// Waits until all workloads are ready, then checks them periodically, for ever.
fn follow_pods(node: &Node, workloads: &[Resource]) {
    let mut pauses = pauses();
    loop {
        let waited = node.kube().and_then(|kube| {
            // All must be ready, so the order of waiting does not matter.
            workloads.iter().try_for_each(|workload| wait_for(node, &kube, workload))
        });
        match waited {
            Ok(()) => {
                node.init.stage("pod");
                node.claim(PODS_READY, Claim::yes("AllReady"));
                watch_over(node, workloads);
            }
            Err(e) => node.claim(PODS_READY, Claim::unknown("NoAnswer", format!("{e:#}"))),
        }
        pauses.sleep();
    }
}

/// Waits until one workload is ready.
fn wait_for(node: &Node, kube: &Kube, workload: &Resource) -> Result<()> {
    let mut ready = false;
    while !ready {
        watch_one(kube, workload, WATCH, |state| {
            let claim = claim(&workload.kind, state.as_ref());
            ready = claim.status == api::ConditionStatus::True;
            if !ready {
                let message = format!("{} {}: {}", workload.kind, workload.name, claim.message);
                node.claim(PODS_READY, Claim { message, ..claim });
            }
            !ready
        })?;
    }
    Ok(())
}

/// Checks ready workloads until one is no longer ready or can't be read.
fn watch_over(node: &Node, workloads: &[Resource]) {
    loop {
        thread::sleep(LATER);
        let Ok(kube) = node.kube() else { return };
        let all_ready = workloads.iter().all(|w| {
            kube.get::<Observed>(&w.path()).is_ok_and(|o| readiness(&w.kind, &o) == Readiness::Ready)
        });
        if !all_ready {
            return;
        }
    }
}

/// Returns the condition for the state of an object.
fn claim(kind: &str, state: Option<&Observed>) -> Claim {
    match state.map(|s| readiness(kind, s)) {
        Some(Readiness::Ready) => Claim::yes("Ready"),
        Some(Readiness::NotReady(why)) => Claim::no("NotReady", why),
        None => Claim::no("Gone", "it was deleted"),
    }
}

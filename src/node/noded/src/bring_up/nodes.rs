//! The nodes of the cluster as this one needs them: where their pods are.
//!
//! With the provider `bridge` each node has a bridge for its own pods, and this one has a route to the pods of each other
//! node, through that node: all must be in one network segment. A node that has joined learns its own pods' addresses
//! here too. A controller labels the nodes that have joined with their role, since a node may not label itself so.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use cluster::{Ownership, pod_network};
use config::{Cidr, NetworkProvider};
use net::Network;
use serde::Deserialize;
use serde_json::json;

use super::services;
use crate::back_off::BackOff;
use crate::kube::{Kube, watch_all};
use crate::node::Node;
use crate::thread::spawn_or_tell;

const COLLECTION: &str = "/api/v1/nodes";
/// The API server ends a watch after this time; then the next one begins.
const WATCH: Duration = Duration::from_secs(600);
/// Labels that show a node's role.
const ROLE: &str = "node-role.kubernetes.io/";

/// All nodes.
#[derive(Debug, Deserialize)]
pub(super) struct NodeList {
    metadata: ListMetadata,
    pub items: Vec<NodeObject>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
}

/// The fields of a node that are read.
#[derive(Debug, Deserialize)]
pub(super) struct NodeObject {
    pub metadata: Metadata,
    #[serde(default)]
    pub spec: Spec,
    #[serde(default)]
    pub status: Status,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub name: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    #[serde(rename = "podCIDR")]
    pub pod_cidr: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub addresses: Vec<Address>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Address {
    pub r#type: String,
    pub address: String,
}

/// Reads all nodes.
///
/// # Errors
/// If the API server can't be reached, or refuses.
pub(super) fn list(kube: &Kube) -> Result<NodeList> {
    kube.get(COLLECTION)
}

/// Starts to follow; returns at once.
pub fn follow(node: &Arc<Node>, network: &Network) {
    let (node, network) = (Arc::clone(node), network.clone());
    spawn_or_tell("nodes", move || {
        if node.duties.control_plane {
            services::wait_for(&node, "kube-apiserver");
        }
        let mut pauses = BackOff::new(Duration::from_millis(500), Duration::from_secs(30));
        loop {
            match round(&node, &network) {
                Ok(()) => pauses.reset(),
                Err(e) => eprintln!("noded: following the nodes: {e:#}"),
            }
            pauses.sleep();
        }
    });
}

/// Takes what the nodes say, now and whenever one changes, until the watch ends.
fn round(node: &Node, network: &Network) -> Result<()> {
    let kube = node.kube()?;
    let version = take(node, network, &kube)?;
    watch_all(&kube, COLLECTION, (&version, WATCH), || take(node, network, &kube).map(drop))
}

/// Takes what the nodes say; returns the version of the list.
fn take(node: &Node, network: &Network, kube: &Kube) -> Result<String> {
    let list = list(kube)?;
    let own = node.documents.node.hostname.as_str();
    if node.provider() == NetworkProvider::Bridge {
        network.set_pod_routes(routes(&list.items, own));
        if !node.duties.control_plane
            && let Some(pods) = list.items.iter().find(|n| n.metadata.name == own).and_then(NodeObject::pods)
        {
            cluster::apply(Path::new("/"), &[], &[pod_network(pods)], Ownership::Set)
                .context("writing the pod network's configuration")?;
        }
    }
    if node.duties.control_plane {
        let unnamed = |n: &&NodeObject| {
            n.metadata.name != own && !n.metadata.labels.keys().any(|key| key.starts_with(ROLE))
        };
        list.items.iter().filter(unnamed).try_for_each(|n| name_role(kube, &n.metadata.name))?;
    }
    Ok(list.metadata.resource_version)
}

/// Returns the routes to the pods of all nodes but `own`.
fn routes(nodes: &[NodeObject], own: &str) -> Vec<(Cidr, Ipv4Addr)> {
    let others = nodes.iter().filter(|n| n.metadata.name != own);
    others.filter_map(|n| Some((n.pods()?, n.address()?))).collect()
}

impl NodeObject {
    /// Returns the addresses of its pods, once it has some.
    fn pods(&self) -> Option<Cidr> {
        self.spec.pod_cidr.parse().ok()
    }

    fn address(&self) -> Option<Ipv4Addr> {
        let internal = self.status.addresses.iter().find(|a| a.r#type == "InternalIP")?;
        internal.address.parse().ok()
    }
}

/// Labels a node that has joined.
fn name_role(kube: &Kube, name: &str) -> Result<()> {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": name, "labels": { (format!("{ROLE}worker")): "" } },
    });
    kube.apply(&format!("{COLLECTION}/{name}"), &object).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_lead_to_the_pods_of_the_others() {
        let nodes = json!([
            { "metadata": { "name": "a" }, "spec": { "podCIDR": "10.244.0.0/24" },
              "status": { "addresses": [{ "type": "InternalIP", "address": "10.0.0.1" }] } },
            { "metadata": { "name": "b" }, "spec": { "podCIDR": "10.244.1.0/24" },
              "status": { "addresses": [{ "type": "Hostname", "address": "b" },
                                        { "type": "InternalIP", "address": "10.0.0.2" }] } },
            { "metadata": { "name": "new" } },
        ]);
        let nodes: Vec<NodeObject> = serde_json::from_value(nodes).unwrap();
        let expected = ("10.244.1.0/24".parse().unwrap(), Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(routes(&nodes, "a"), [expected]);
        assert_eq!(routes(&nodes, "controller").len(), 2);
    }
}

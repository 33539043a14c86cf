//! Approves or denies what nodes ask the cluster for: the verdict is [`cluster::approval`]'s, this carries it out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use cluster::approval::{Known, KnownNode, Petition, Verdict, judge};
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::nodes::{self, NodeObject};
use super::services;
use crate::back_off::BackOff;
use crate::kube::{Kube, watch_all};
use crate::node::Node;
use crate::thread::spawn_or_tell;

const COLLECTION: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
/// The API server ends a watch after this time; then the next one begins.
const WATCH: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
struct List {
    metadata: ListMetadata,
    items: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
}

/// The fields of an object that are read.
#[derive(Debug, Deserialize)]
struct Object {
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    signer_name: String,
    username: String,
    groups: Vec<String>,
    usages: Vec<String>,
    request: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    r#type: String,
}

impl Object {
    /// Returns the request as it is judged. One that is not base64 is judged as malformed.
    fn petition(&self) -> Petition {
        let spec = &self.spec;
        let request = BASE64.decode(spec.request.as_bytes()).unwrap_or_default();
        Petition {
            signer: spec.signer_name.clone(),
            username: spec.username.clone(),
            groups: spec.groups.clone(),
            usages: spec.usages.clone(),
            request: String::from_utf8(request).unwrap_or_default(),
        }
    }

    fn is_approved(&self) -> bool {
        self.status.conditions.iter().any(|c| c.r#type == "Approved")
    }
}

/// Starts to decide; returns at once.
pub fn follow(node: &Arc<Node>) {
    let node = Arc::clone(node);
    spawn_or_tell("approver", move || {
        services::wait_for(&node, "kube-apiserver");
        let mut pauses = BackOff::new(Duration::from_millis(500), Duration::from_secs(30));
        loop {
            match round(&node) {
                Ok(()) => pauses.reset(),
                Err(e) => eprintln!("noded: requests for certificates: {e:#}"),
            }
            pauses.sleep();
        }
    });
}

/// Decides about all requests, now and whenever there is news, until the watch ends.
fn round(node: &Node) -> Result<()> {
    let kube = node.kube()?;
    let version = decide_all(node, &kube)?;
    watch_all(&kube, COLLECTION, (&version, WATCH), || decide_all(node, &kube).map(drop))
}

/// Decides about all requests that nobody has decided about; returns the version of the list.
fn decide_all(node: &Node, kube: &Kube) -> Result<String> {
    let list: List = kube.get(COLLECTION)?;
    let mut objects = Vec::new();
    for value in list.items {
        let object: Object = serde_json::from_value(value.clone()).context("reading a request")?;
        objects.push((object, value));
    }
    let is_open = |object: &Object| object.status.conditions.is_empty();
    if objects.iter().any(|(object, _)| is_open(object)) {
        // One after the other: what is approved counts for those after it.
        let approved = objects.iter().filter(|(o, _)| o.is_approved()).map(|(o, _)| o.petition());
        let mut known = known(node, kube, approved.collect())?;
        for (object, value) in objects.into_iter().filter(|(o, _)| is_open(o)) {
            let petition = object.petition();
            let verdict = judge(&petition, &known);
            carry_out(kube, (&object.metadata.name, value), &verdict)?;
            if matches!(verdict, Verdict::Approve(_)) {
                known.approved.push(petition);
            }
        }
    }
    Ok(list.metadata.resource_version)
}

/// Gathers what a verdict depends on.
fn known(node: &Node, kube: &Kube, approved: Vec<Petition>) -> Result<Known> {
    let spec = &node.documents.cluster.spec;
    let own = node.network.get().map(|n| n.addresses()).unwrap_or_default();
    let named = spec.api.sans.iter().chain(&spec.api.external_address).filter_map(|n| n.parse().ok());
    let reserved = own.into_iter().chain(spec.api.address).map(IpAddr::from).chain(named);
    let nodes = nodes::list(kube)?.items.iter().map(NodeObject::known).collect();
    Ok(Known {
        nodes,
        approved,
        services: spec.network.service_cidr,
        pods: spec.network.pod_cidr,
        reserved: reserved.collect(),
    })
}

/// Writes a verdict into its object.
fn carry_out(kube: &Kube, (name, mut object): (&str, Value), verdict: &Verdict) -> Result<()> {
    let (kind, message) = match verdict {
        Verdict::Leave => return Ok(()),
        Verdict::Approve(why) => ("Approved", (*why).to_owned()),
        Verdict::Deny(why) => ("Denied", why.clone()),
    };
    eprintln!("noded: request {name} is {}: {message}", kind.to_lowercase());
    object["apiVersion"] = "certificates.k8s.io/v1".into();
    object["kind"] = "CertificateSigningRequest".into();
    object["status"]["conditions"] =
        json!([{ "type": kind, "status": "True", "reason": "Ironhull", "message": message }]);
    kube.put(&format!("{COLLECTION}/{name}/approval"), &object)
}

impl NodeObject {
    /// Returns what a verdict needs of a node.
    fn known(&self) -> KnownNode {
        let addresses = self.status.addresses.iter().filter_map(|a| a.address.parse().ok()).collect();
        KnownNode { name: self.metadata.name.clone(), addresses }
    }
}

//! Kubeconfigs for operators.

use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use api::Kubeconfig;

use crate::node::Node;
use crate::plan::{node_address, plan_now};

/// The operator's name in the cluster's audit log.
const USER: &str = "operator";

/// Makes a kubeconfig whose certificate expires after `ttl_secs`; `None` while the cluster has no authority
/// yet. `server` must have passed [`config::join_token::is_server_url`].
pub fn kubeconfig(node: &Node, server: Option<String>, ttl_secs: u64) -> Result<Option<Kubeconfig>> {
    let (true, Some(network)) = (node.has_authority.load(Ordering::Acquire), node.network.get()) else {
        return Ok(None);
    };
    let server = server.unwrap_or_else(|| own_server(node));
    let not_after_epoch_secs = net::clock::now().as_secs() + ttl_secs;
    // Planned again, since a plan issues certificates with its own time, and the node may run for months.
    let addresses = network.addresses();
    let address = node_address(node, &addresses).context("the node has no address")?;
    let pki = plan_now(node, (address, &addresses))?.pki;
    let kubeconfig = pki.operator_kubeconfig(USER, &server, ttl_secs).context("issuing a kubeconfig")?;
    eprintln!("noded: issued a kubeconfig for {ttl_secs} s");
    Ok(Some(Kubeconfig { kubeconfig, not_after_epoch_secs }))
}

/// Returns the cluster's own URL of the API server.
pub fn own_server(node: &Node) -> String {
    let api = &node.documents.cluster.spec.api;
    let own = || node.network.get().and_then(|n| node_address(node, &n.addresses()));
    let host = match (&api.external_address, api.address.or_else(own)) {
        (Some(name), _) => name.clone(),
        (None, Some(address)) => address.to_string(),
        (None, None) => "127.0.0.1".to_owned(),
    };
    format!("https://{host}:{}", api.port)
}

//! Plans the cluster for this node from its current facts. Nothing is written here.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result};
use cluster::{Facts, Plan, State};
use config::Role;
use net::{Network, clock};

use crate::node::Node;

/// Parses the role in the image's facts.
///
/// # Errors
/// If this program does not know the role.
pub fn role(name: &str) -> Result<Role> {
    let known = || Role::ALL.map(|r| format!("{:?}", r.name())).join(" or ");
    Role::from_name(name).with_context(|| format!("image.json: role: expected {}, found {name:?}", known()))
}

/// Plans the cluster according to the config, the node's addresses, the clock and the certificates on the
/// disk.
///
/// # Errors
/// If the node has no address yet, a certificate can't be read, or a certificate authority is damaged.
pub fn plan_now(node: &Node, network: &Network, role: Role) -> Result<Plan> {
    let addresses: Vec<Ipv4Addr> = network.state().addresses.iter().map(|a| a.address()).collect();
    let address = *addresses.first().context("the node has no address")?;
    let facts = Facts {
        node: &node.documents.node,
        cluster: &node.documents.cluster,
        address,
        addresses: &addresses,
        now_secs: clock::now().as_secs(),
        build_time_secs: node.image.build_time,
    };
    let state = State::load(Path::new("/")).context("reading certificates")?;
    cluster::plan(role, &facts, &state).context("planning the cluster")
}

//! From an accepted config to a running cluster, on threads beside the API.
//!
//! Every step can be repeated: after a restart of `noded` they all run again without changing what is already done.
//! Failures are retried with growing pauses; nothing here ends the program.

mod addresses;
mod approver;
mod cluster;
mod network;
mod nodes;
pub mod services;
mod time;
mod workloads;

pub use time::servers as time_servers;

use std::sync::Arc;

use crate::node::Node;
use crate::upgrade::Upgrader;
use crate::{config_source, state, thread};

/// What a node begins with, besides its config.
#[derive(Debug)]
pub struct Start {
    /// The config to be stored for the next boot.
    pub given: Option<String>,
    /// The network, if it was started before there was a config.
    pub network: Option<net::Network>,
}

/// Starts everything and returns at once.
///
/// # Errors
/// If the first thread can't be started; nothing is started then.
pub fn start(node: Arc<Node>, upgrader: Arc<Upgrader>, start: Start) -> anyhow::Result<()> {
    thread::spawn("bring-up", move || run(&node, &upgrader, start))
}

/// The steps that must be performed in order.
fn run(node: &Arc<Node>, upgrader: &Arc<Upgrader>, start: Start) {
    let Start { given, network } = start;
    let network = network::bring_up(node, network);
    time::follow(node, &network);
    state::prepare(node);
    if let Some(text) = given {
        config_source::keep_accepted(&text);
    }
    let manifests = cluster::bring_up(node, &network);
    addresses::follow(node, &network);
    nodes::follow(node, &network);
    if node.duties.control_plane {
        approver::follow(node);
    }
    services::follow(node);
    workloads::follow(node, upgrader, &manifests);
}

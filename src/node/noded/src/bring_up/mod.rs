//! From an accepted config to a running cluster, on threads beside the API.
//!
//! Every step can be repeated: after a restart of `noded` they all run again without changing what is already done.
//! Failures are retried with growing pauses; nothing here ends the program.

mod addresses;
mod cluster;
mod network;
pub mod services;
mod time;
mod workloads;

pub use time::servers as time_servers;

use std::sync::Arc;

use crate::node::Node;
use crate::upgrade::Upgrader;
use crate::{config_source, state, thread};

/// Starts everything and returns at once. `given` is the config to be stored for the next boot.
///
/// # Errors
/// If the first thread can't be started; nothing is started then.
pub fn start(
    node: Arc<Node>,
    upgrader: Arc<Upgrader>,
    role: config::Role,
    given: Option<String>,
) -> anyhow::Result<()> {
    thread::spawn("bring-up", move || run(&node, &upgrader, role, given.as_deref()))
}

/// The steps that must be performed in order.
fn run(node: &Arc<Node>, upgrader: &Arc<Upgrader>, role: config::Role, given: Option<&str>) {
    let network = network::bring_up(node);
    time::follow(node, &network);
    state::prepare(node);
    if let Some(text) = given {
        config_source::keep_accepted(text);
    }
    let manifests = cluster::bring_up(node, &network, role);
    addresses::follow(node, &network, role);
    services::follow(node);
    workloads::follow(node, upgrader, &manifests);
}

//! The clock's step: time servers are asked, and what the clock shows is kept for the next boot.
//!
//! A clock that is worth nothing, as on a new node, is compared with the servers before authorities are made; that takes
//! seconds, and without an answer the boot goes on. Whether the clock follows is the [timekeeper](crate::timekeeper)'s.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use net::Network;

use crate::back_off::BackOff;
use crate::condition::{Claim, TIME_SYNCED};
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Time between two looks at the servers once the clock follows them.
const INTERVAL: Duration = Duration::from_secs(3600);
/// Between rounds without an answer.
const FIRST_RETRY: Duration = Duration::from_secs(4);
const LONGEST_RETRY: Duration = Duration::from_secs(64);
/// Between two times that are kept: so far back a machine without a clock begins.
const KEEP_INTERVAL: Duration = Duration::from_secs(900);

/// Keeps the clock right from now on. If it is worth nothing yet, the first round is over when this returns.
pub fn follow(node: &Arc<Node>, network: &Network) {
    let asked = node.time.is_unknown();
    if asked {
        synchronize(node, network);
    }
    follow_servers(node, network, asked);
    let node = Arc::clone(node);
    spawn_or_tell("keep-time", move || {
        loop {
            if let Err(e) = node.time.keep_seen() {
                eprintln!("noded: keeping the time: {e:#}");
            }
            thread::sleep(KEEP_INTERVAL);
        }
    });
}

/// Asks the servers now and then; if they were `asked` already, not at once.
fn follow_servers(node: &Arc<Node>, network: &Network, asked: bool) {
    let (node, network) = (Arc::clone(node), network.clone());
    spawn_or_tell("time", move || {
        let mut pauses = BackOff::new(FIRST_RETRY, LONGEST_RETRY);
        if asked {
            pauses.sleep();
        }
        loop {
            if synchronize(&node, &network) {
                pauses.reset();
                thread::sleep(INTERVAL);
            } else {
                pauses.sleep();
            }
        }
    });
}

/// Asks the servers and claims what came of it; tells whether the clock follows them.
fn synchronize(node: &Node, network: &Network) -> bool {
    let servers = servers(node, network);
    let claim = match servers.is_empty() {
        true => Claim::unknown("NoServer", "neither config nor DHCP names a time server"),
        false => node.time.synchronize(&servers).claim(),
    };
    let follows = claim.status == api::ConditionStatus::True;
    node.claim(TIME_SYNCED, claim);
    follows
}

/// Returns the time servers of the config, otherwise those that DHCP names.
pub fn servers(node: &Node, network: &Network) -> Vec<String> {
    match &node.documents.node.time.servers {
        own if own.is_empty() => network.state().ntp_servers.iter().map(ToString::to_string).collect(),
        own => own.clone(),
    }
}

//! Sets the clock: at least to the build time of the image, then to that of a time server.
//!
//! Corrections are steps, and only of more than a second. Certificates are backdated by an hour, so a small
//! error does no harm; if the machine's clock was clearly wrong, a server is queried before the first
//! certificate is issued.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use net::{Network, clock, sntp};

use crate::back_off::BackOff;
use crate::condition::{Claim, TIME_SYNCED};
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Smaller errors are not corrected.
const MIN_STEP: Duration = Duration::from_secs(1);
/// Time between two queries of a server that has answered.
const INTERVAL: Duration = Duration::from_secs(3600);
/// Pauses between rounds without an answer.
const FIRST_RETRY: Duration = Duration::from_secs(4);
const LONGEST_RETRY: Duration = Duration::from_secs(1024);

/// Sets a clock that is behind the image's build time to that time; returns whether it was.
pub fn apply_floor(node: &Node) -> bool {
    match clock::set_at_least(node.image.build_time) {
        Ok(was_behind) => {
            if was_behind {
                eprintln!("noded: the clock was before the image's build time: set to that");
            }
            was_behind
        }
        Err(e) => {
            eprintln!("noded: {e}");
            false
        }
    }
}

/// Keeps the clock correct from now on; with `first`, returns only after the first round of queries.
pub fn follow(node: &Arc<Node>, network: &Network, first: bool) {
    if first {
        synchronize(node, network);
    }
    let (node, network) = (Arc::clone(node), network.clone());
    spawn_or_tell("time", move || {
        let mut pauses = BackOff::new(FIRST_RETRY, LONGEST_RETRY);
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

/// Queries the servers in turn until one answers; returns whether one did.
fn synchronize(node: &Node, network: &Network) -> bool {
    let mut servers = node.documents.node.time.servers.clone();
    if servers.is_empty() {
        servers = network.state().ntp_servers.iter().map(ToString::to_string).collect();
    }
    if servers.is_empty() {
        node.claim(TIME_SYNCED, Claim::unknown("NoServer", "neither config nor DHCP names a time server"));
        return false;
    }
    let mut failures = Vec::new();
    for server in servers {
        match sntp::ask(&server).and_then(|time| correct(node, time)) {
            Ok(()) => {
                node.claim(TIME_SYNCED, Claim::yes("Synchronized"));
                return true;
            }
            Err(e) => failures.push(e.to_string()),
        }
    }
    node.claim(TIME_SYNCED, Claim::no("NoAnswer", failures.join("; ")));
    false
}

/// Steps the clock to `time` if the difference is large enough and `time` is plausible.
fn correct(node: &Node, time: Duration) -> Result<(), net::NetError> {
    if time.as_secs() < node.image.build_time {
        return Err(net::NetError::Malformed {
            what: "the time server's answer",
            why: "its time is before the image was built",
        });
    }
    let before = clock::now();
    if before.abs_diff(time) < MIN_STEP {
        return Ok(());
    }
    clock::set(time)?;
    eprintln!("noded: clock set from {} to {} s since 1970", before.as_secs(), time.as_secs());
    Ok(())
}

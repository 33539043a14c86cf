//! The clock: at least the build time of the image, then that of a time server.
//!
//! Corrections are steps, and only of more than a second. Certificates are backdated by an hour, so a
//! small error does no harm; when the machine's clock was clearly wrong, a server is queried before the
//! first certificate is issued.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use net::{Network, clock, sntp};

use crate::back_off::BackOff;
use crate::condition::{Claim, TIME_SYNCED};
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Smaller errors are left alone.
const MIN_STEP: Duration = Duration::from_secs(1);
/// Time between two looks at a server once one has answered.
const INTERVAL: Duration = Duration::from_secs(3600);
/// Between rounds without an answer.
const FIRST_RETRY: Duration = Duration::from_secs(4);
const LONGEST_RETRY: Duration = Duration::from_secs(1024);

/// Sets a clock that is behind the image to when the image was built; tells whether it was.
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

/// Keeps the clock right from now on; with `first` the first round is over when this returns.
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

/// Asks the servers in turn until one answers; tells whether one did.
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

/// Steps the clock to `time` where it is far off and `time` makes sense.
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

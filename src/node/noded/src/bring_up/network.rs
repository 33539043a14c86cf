//! Brings up the network.

use std::time::Duration;

use net::{Network, NetworkState};

use crate::back_off::BackOff;
use crate::condition::{Claim, NETWORK_READY};
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Maximum sleep while nothing changes.
const LONGEST: Duration = Duration::from_secs(3600);

/// Starts the network and waits until the node has an address for the cluster.
pub fn bring_up(node: &std::sync::Arc<Node>) -> Network {
    let network = start(node);
    // It is set only here, once.
    let _ = node.network.set(network.clone());
    let mut seen = 0;
    let state = loop {
        seen = network.wait(seen, LONGEST);
        let state = network.state();
        node.claim(NETWORK_READY, claim(&state));
        if !state.addresses.is_empty() {
            break state;
        }
    };
    node.init.stage("network");
    node.api_part_is_ready();
    let addresses: Vec<String> = state.addresses.iter().map(ToString::to_string).collect();
    eprintln!("noded: addresses {}", addresses.join(" "));
    let (follower, watched) = (std::sync::Arc::clone(node), network.clone());
    spawn_or_tell("network", move || {
        loop {
            seen = watched.wait(seen, LONGEST);
            follower.claim(NETWORK_READY, claim(&watched.state()));
        }
    });
    network
}

fn start(node: &Node) -> Network {
    let mut pauses = BackOff::new(Duration::from_millis(100), Duration::from_secs(10));
    let config = &node.documents.node;
    loop {
        match Network::start(&config.hostname, &config.network) {
            Ok(network) => return network,
            Err(e) => node.claim(NETWORK_READY, Claim::no("Failed", e.to_string())),
        }
        pauses.sleep();
    }
}

/// Returns the condition for a state of the network.
fn claim(state: &NetworkState) -> Claim {
    match (state.complete, state.problems.is_empty()) {
        (true, _) => Claim::yes("Configured"),
        (_, false) => Claim::no("Problem", state.problems.join("; ")),
        (_, true) => Claim::no("Waiting", "waiting for a link or for DHCP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ConditionStatus;

    #[test]
    fn problems_are_told() {
        let mut state = NetworkState::default();
        assert_eq!(claim(&state).reason, "Waiting");
        state.problems.push("eth9".into());
        assert_eq!((claim(&state).reason, claim(&state).message.as_str()), ("Problem", "eth9"));
        state.complete = true;
        assert_eq!(claim(&state).status, ConditionStatus::True);
    }
}

//! Brings up the network.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use config::Cidr;
use net::{Network, NetworkState};

use crate::back_off::BackOff;
use crate::condition::{Claim, NETWORK_READY};
use crate::console;
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Maximum sleep while nothing changes.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long a restart of this program waits for the address that the services run with, and a node without any before
/// it says so on the console.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where that address is noted. In memory: it is another one after each boot.
const ADDRESS_PATH: &str = "/run/ironhull/node-address";

/// Starts the network, or makes of a provisional one what the config wants, and waits until the node has an address for
/// the cluster.
pub fn bring_up(node: &std::sync::Arc<Node>, provisional: Option<Network>) -> Network {
    let network = start(node, provisional.as_ref());
    // It is set only here, once.
    let _ = node.network.set(network.clone());
    let (until_now, range) = (known_address(), node.documents.node.network.node_address);
    node.planned().address = until_now;
    let (mut seen, began) = (0, Instant::now());
    let mut announced = String::new();
    let state = loop {
        let left = PATIENCE.saturating_sub(began.elapsed());
        seen = network.wait(seen, if left.is_zero() { LONGEST } else { left });
        let state = network.state();
        let usable = usable(&state.addresses, range);
        node.claim(NETWORK_READY, claim(&state, range));
        if is_enough(&usable, state.complete, until_now)
            || (!usable.is_empty() && began.elapsed() >= PATIENCE)
        {
            break state;
        }
        let Claim { message, .. } = claim(&state, range);
        // Nobody can ask this node over a network what is wrong with it.
        if began.elapsed() >= PATIENCE && usable.is_empty() && message != announced {
            console::announce(&format!("ironhull: no address: {message}"));
            announced = message;
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
            follower.claim(NETWORK_READY, claim(&watched.state(), range));
        }
    });
    network
}

/// Returns the node's address that a run of this program before this one noted, since the boot.
fn known_address() -> Option<Ipv4Addr> {
    fs::read_to_string(ADDRESS_PATH).ok()?.trim().parse().ok()
}

/// Notes the address under which the node is known to its cluster, for the next run of this program.
pub fn note_address(address: Ipv4Addr) {
    let text = format!("{address}\n");
    if let Err(e) = durable::replace(Path::new(ADDRESS_PATH), text.as_bytes(), 0o644) {
        eprintln!("noded: writing {ADDRESS_PATH}: {e}");
    }
}

/// Returns the addresses that the cluster may know the node by.
fn usable(addresses: &[Cidr], range: Option<Cidr>) -> Vec<Ipv4Addr> {
    addresses.iter().map(|a| a.address()).filter(|a| range.is_none_or(|range| range.contains(*a))).collect()
}

/// Whether a cluster can be built on `usable` addresses: there is one, and after a restart of this program it is the one
/// that the services run with, unless the network is complete without it.
fn is_enough(usable: &[Ipv4Addr], complete: bool, until_now: Option<Ipv4Addr>) -> bool {
    !usable.is_empty() && (complete || until_now.is_none_or(|known| usable.contains(&known)))
}

fn start(node: &Node, provisional: Option<&Network>) -> Network {
    let mut pauses = BackOff::new(Duration::from_millis(100), Duration::from_secs(10));
    let config = &node.documents.node;
    loop {
        let started = match provisional {
            Some(network) => network.restart(&config.hostname, &config.network).map(|()| network.clone()),
            None => Network::start(&config.hostname, &config.network),
        };
        match started {
            Ok(network) => return network,
            Err(e) => node.claim(NETWORK_READY, Claim::no("Failed", e.to_string())),
        }
        pauses.sleep();
    }
}

/// Returns the condition for a state of the network; one of the addresses must be in `range`.
fn claim(state: &NetworkState, range: Option<Cidr>) -> Claim {
    let remarks = state.remarks.join("; ");
    if let (true, Some(range), []) = (state.complete, range, &*usable(&state.addresses, range)) {
        let found = state.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let message = format!("network.nodeAddress: expected an address in {range}, found {found}");
        return Claim::no("NoNodeAddress", message);
    }
    match (state.complete, state.problems.is_empty()) {
        (true, _) => Claim { message: remarks, ..Claim::yes("Configured") },
        (_, false) => Claim::no("Problem", state.problems.join("; ")),
        (_, true) if state.waits.is_empty() => Claim::no("Waiting", "waiting for a link"),
        (_, true) => Claim::no("Waiting", state.waits.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::ConditionStatus;

    #[test]
    fn problems_are_told() {
        let mut state = NetworkState::default();
        assert_eq!(claim(&state, None).reason, "Waiting");
        state.waits.push("link eth0: no carrier".into());
        assert_eq!(claim(&state, None).message, "link eth0: no carrier");
        state.problems.push("eth9".into());
        assert_eq!((claim(&state, None).reason, claim(&state, None).message.as_str()), ("Problem", "eth9"));
        state.complete = true;
        state.remarks.push("link eth1: no carrier".into());
        assert_eq!(claim(&state, None).status, ConditionStatus::True);
        assert_eq!(claim(&state, None).message, "link eth1: no carrier");
    }

    #[test]
    fn a_restart_waits_for_the_address_that_services_run_with() {
        let [a, b] = [1, 2].map(|n| Ipv4Addr::new(10, 0, 0, n));
        for (addresses, complete, until_now, enough) in [
            (vec![], true, None, false),
            (vec![a], false, None, true),
            (vec![a], false, Some(b), false),
            (vec![a, b], false, Some(b), true),
            (vec![a], true, Some(b), true),
        ] {
            assert_eq!(is_enough(&addresses, complete, until_now), enough, "{addresses:?} {until_now:?}");
        }
    }

    #[test]
    fn a_network_without_the_nodes_own_address_is_not_ready() {
        let range = "10.1.0.0/16".parse().ok();
        let mut state = NetworkState { complete: true, ..NetworkState::default() };
        state.addresses = ["10.0.2.15/24"].map(|a| a.parse().unwrap()).into();
        assert!(usable(&state.addresses, range).is_empty());
        let Claim { status, message, .. } = claim(&state, range);
        assert_eq!(status, ConditionStatus::False);
        assert_eq!(message, "network.nodeAddress: expected an address in 10.1.0.0/16, found 10.0.2.15/24");
        state.addresses.push("10.1.0.7/24".parse().unwrap());
        assert_eq!(claim(&state, range).status, ConditionStatus::True);
    }
}

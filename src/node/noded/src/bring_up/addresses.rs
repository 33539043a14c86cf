//! Follows the node's addresses: when they change, certificates are issued for the new ones, and the services that know
//! the node's address are restarted with it, the API server first.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use net::Network;

use super::cluster::{prepare, restart_if_needed, submit};
use crate::back_off::BackOff;
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Longest sleep while nothing changes.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long addresses must stay as they are to be believed: a lease that is refused is followed by another one.
const SETTLE: Duration = Duration::from_secs(5);

/// Starts to follow; returns at once.
pub fn follow(node: &Arc<Node>, network: &Network) {
    let (node, network) = (Arc::clone(node), network.clone());
    spawn_or_tell("addresses", move || {
        let mut seen = 0;
        let mut pauses = BackOff::new(Duration::from_secs(1), Duration::from_secs(60));
        loop {
            seen = network.wait(seen, LONGEST);
            settle(&network, &mut seen);
            let has_moved = || !differ(&node.planned().addresses, &network.addresses());
            let mut done = has_moved();
            while !done {
                match move_cluster(&node, &network) {
                    Ok(()) => {
                        pauses.reset();
                        done = has_moved();
                    }
                    Err(e) => {
                        eprintln!("noded: moving the cluster to new addresses: {e:#}");
                        pauses.sleep();
                    }
                }
            }
        }
    });
}

/// Waits until the network has not changed for a while.
fn settle(network: &Network, seen: &mut u64) {
    loop {
        let now = network.wait(*seen, SETTLE);
        if std::mem::replace(seen, now) == now {
            return;
        }
    }
}

/// Whether there are addresses, and others than before. Without any there is nothing to move to.
fn differ(before: &[Ipv4Addr], now: &[Ipv4Addr]) -> bool {
    let set = |addresses: &[Ipv4Addr]| addresses.iter().copied().collect::<BTreeSet<_>>();
    !now.is_empty() && set(before) != set(now)
}

/// Issues certificates for the addresses that the node has now and restarts what knows another one.
fn move_cluster(node: &Node, network: &Network) -> anyhow::Result<()> {
    let before = node.address();
    let prepared = prepare(node, network)?;
    restart_if_needed(node, &prepared);
    submit(node, &prepared)?;
    if let (Some(before), Some(now)) = (before, node.address())
        && before != now
    {
        eprintln!("noded: the node's address has changed from {before} to {now}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_set_of_addresses_moves_the_cluster() {
        let [a, b] = [1, 2].map(|n| Ipv4Addr::new(10, 0, 0, n));
        for (before, now, moves) in [
            (vec![a], vec![], false),
            (vec![a], vec![a], false),
            (vec![a, b], vec![b, a], false),
            (vec![a], vec![b], true),
            (vec![a], vec![a, b], true),
            (vec![a, b], vec![b], true),
        ] {
            assert_eq!(differ(&before, &now), moves, "{before:?} {now:?}");
        }
    }
}

//! The health gate: what must be true of the node for its generation to be blessed, reported to `init`.
//!
//! `init` holds the deadline and decides; here is only what it can't know. The pods of the manifests are
//! no part of it: what people run on a node may be broken for reasons of its own.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use api::{Condition, ConditionStatus};

use crate::bring_up::spawn_or_tell;
use crate::condition::{CONFIG_ACCEPTED, NETWORK_READY, NODE_READY, SERVICES_READY};
use crate::node::Node;

/// Between two reports while a trial lasts.
const INTERVAL: Duration = Duration::from_secs(5);
/// What must be true. That apiserver and kubelet answer is part of their services' readiness.
const NEEDED: [&str; 4] = [CONFIG_ACCEPTED, NETWORK_READY, SERVICES_READY, NODE_READY];

/// Reports once that this program runs, then goes on for as long as the trial lasts.
pub fn follow(node: &Arc<Node>) {
    let node = Arc::clone(node);
    spawn_or_tell("health", move || {
        while report(&node) {
            thread::sleep(INTERVAL);
        }
    });
}

/// Reports; tells whether there is more to report later.
fn report(node: &Node) -> bool {
    let deadline_secs = node.documents.node.health.deadline_secs;
    let reported = node.init.health(problem(&node.conditions()), deadline_secs);
    let reported = reported.and_then(|()| node.init.status());
    match reported {
        Ok(status) => status.boot.is_some_and(|b| b.trial.is_some()),
        Err(e) => {
            eprintln!("noded: reporting health: {e:#}");
            true
        }
    }
}

/// Returns the first thing that is wrong; `None` when nothing is.
fn problem(conditions: &[Condition]) -> Option<String> {
    NEEDED.iter().find_map(|kind| match conditions.iter().find(|c| c.kind == *kind) {
        Some(c) if c.status == ConditionStatus::True => None,
        Some(c) if c.message.is_empty() => Some(format!("{kind}: {}", c.reason)),
        Some(c) => Some(format!("{kind}: {}", c.message)),
        None => Some(format!("{kind}: not known yet")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Claim, Conditions, PODS_READY};

    #[test]
    fn everything_but_the_pods_must_be_ready() {
        let mut all = Conditions::default();
        all.set(PODS_READY, Claim::no("Waiting", "a pod"), 1);
        assert_eq!(problem(&all.list()).unwrap(), "ConfigAccepted: not known yet");
        for kind in NEEDED {
            all.set(kind, Claim::yes("Ready"), 1);
        }
        assert_eq!(problem(&all.list()), None);
        all.set(SERVICES_READY, Claim::no("Waiting", "not ready: kubelet"), 2);
        assert_eq!(problem(&all.list()).unwrap(), "ServicesReady: not ready: kubelet");
        all.set(NETWORK_READY, Claim::unknown("NoLink", ""), 2);
        assert_eq!(problem(&all.list()).unwrap(), "NetworkReady: NoLink");
    }
}

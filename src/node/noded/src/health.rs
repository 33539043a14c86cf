//! The health gate: what must be true of the node for its generation to be blessed, reported to `init`.
//!
//! `init` enforces the deadline and decides; this module reports only what `init` can't know. Pods do not
//! count, since a user's workload may be broken for reasons of its own.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use api::{Condition, ConditionStatus};
use cluster::Duties;
use control::BootStatus;
use slots::{Flags, Reason};

use crate::condition::{
    CONFIG_ACCEPTED, Claim, NETWORK_READY, NODE_READY, SERVICES_READY, STATE_SEALED, UPGRADE_HELD,
};
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Time between two reports during a trial.
const INTERVAL: Duration = Duration::from_secs(5);
/// Conditions that must be true. API server and kubelet are covered by the readiness of their services.
const NEEDED: [&str; 3] = [CONFIG_ACCEPTED, NETWORK_READY, SERVICES_READY];
/// The same for a node that runs pods.
const NEEDED_FOR_PODS: [&str; 1] = [NODE_READY];

/// Reports once that this program is running, then continues as long as the trial lasts.
pub fn follow(node: &Arc<Node>) {
    let node = Arc::clone(node);
    spawn_or_tell("health", move || {
        while report(&node) {
            thread::sleep(INTERVAL);
        }
    });
}

/// Sends a report; returns whether more are needed.
fn report(node: &Node) -> bool {
    let configured = node.documents.node.health.deadline_secs;
    let deadline_secs = node.partitions.deadline_secs().map_or(configured, |secs| secs.max(configured));
    let reported = node.init.health(problem(node.duties, &node.conditions()), deadline_secs);
    let reported = reported.and_then(|()| node.init.status());
    match reported {
        Ok(status) => {
            if let Some(claim) = status.boot.as_ref().and_then(held) {
                node.claim(UPGRADE_HELD, claim);
            }
            let Some((boot, trial)) = status.boot.as_ref().and_then(|b| Some((b, b.trial.as_ref()?))) else {
                return status.boot.as_ref().is_some_and(is_open);
            };
            if trial.seal {
                seal(node, boot.generation);
            }
            true
        }
        Err(e) => {
            eprintln!("noded: reporting health: {e:#}");
            true
        }
    }
}

/// Has the state's ledger know that `generation` is about to be blessed, then tells `init`. Until that succeeds there
/// is no blessing: otherwise an older generation could take what a blessed one wrote for that of a failed trial.
fn seal(node: &Node, generation: u32) {
    let sealed = node.state.seal(generation).and_then(|()| node.init.state_is_sealed());
    match sealed {
        Err(e) => {
            let why = format!("recording that generation {generation} is blessed: {e:#}");
            node.claim(STATE_SEALED, Claim::no("Failed", why));
        }
        // On a node where it did not fail before there is nothing to say.
        Ok(()) if node.conditions().iter().any(|c| c.kind == STATE_SEALED) => {
            node.claim(STATE_SEALED, Claim::yes("Sealed"));
        }
        Ok(()) => {}
    }
}

/// Returns the result of the last upgrade: the newer of the two generations is running and blessed, or has
/// failed. `None` while that is open, or if there is only one generation.
fn held(boot: &BootStatus) -> Option<Claim> {
    let running = boot.running()?.entry;
    let (slot, other) = boot.other().map(|s| (s.name, s.entry)).filter(|(_, e)| e.generation > 0)?;
    if running.generation > other.generation {
        let message = format!("generation {}", running.generation);
        return running.flags.has(Flags::BLESSED).then(|| Claim { message, ..Claim::yes("Blessed") });
    }
    other.is_retired().then(|| {
        let (generation, reason) = (other.generation, other.last_failure);
        let logs = match reason {
            Reason::Deadline => format!("; `logs SERVICE --failed {generation}` shows its logs"),
            _ => String::new(),
        };
        Claim::no("GivenUp", format!("generation {generation} in slot {slot}: {reason}{logs}"))
    })
}

/// Returns whether there is a newer generation than the running one of which nothing is decided: `init` writes that it
/// has failed a moment after the first report.
fn is_open(boot: &BootStatus) -> bool {
    let generation = |s: Option<&control::SlotStatus>| s.map_or(0, |s| s.entry.generation);
    generation(boot.other()) > generation(boot.running()) && held(boot).is_none()
}

/// Returns the conditions that must be true of a node with `duties`.
fn needed(duties: Duties) -> impl Iterator<Item = &'static str> {
    let for_pods = NEEDED_FOR_PODS.into_iter().filter(move |_| duties.workloads);
    NEEDED.into_iter().chain(for_pods)
}

/// Returns the first condition that is needed and not true; `None` if all are.
fn problem(duties: Duties, conditions: &[Condition]) -> Option<String> {
    needed(duties).find_map(|kind| match conditions.iter().find(|c| c.kind == kind) {
        Some(c) if c.status == ConditionStatus::True => None,
        Some(c) if c.message.is_empty() => Some(format!("{kind}: {}", c.reason)),
        Some(c) => Some(format!("{kind}: {}", c.message)),
        None => Some(format!("{kind}: not known yet")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Conditions, PODS_READY};
    use config::Role;
    use control::SlotStatus;
    use slots::{Entry, Slot, Why};
    use std::path::PathBuf;

    fn slot(name: Slot, generation: u32, flags: Flags, last_failure: Reason) -> SlotStatus {
        let entry = Entry { generation, flags, last_failure, ..Entry::default() };
        SlotStatus { name, entry, kernel: PathBuf::new(), root: PathBuf::new() }
    }

    #[test]
    fn what_became_of_the_last_upgrade_is_told() {
        let boot = |running: SlotStatus, other: SlotStatus| BootStatus {
            slot: running.name,
            generation: running.entry.generation,
            why: Why::HasTries,
            next: None,
            boots: 1,
            epoch_floor: 0,
            slots: vec![running, other],
            trial: None,
        };
        let told = |running, other| held(&boot(running, other)).map(|c| (c.reason, c.message));
        let (trial, blessed) = (Flags::PRESENT.with(Flags::TRIAL), Flags::PRESENT.with(Flags::BLESSED));
        let old = slot(Slot::A, 1, blessed, Reason::None);
        let new = |flags, reason| slot(Slot::B, 2, flags, reason);
        assert_eq!(told(old.clone(), slot(Slot::B, 0, Flags::default(), Reason::None)), None);
        assert_eq!(told(new(trial, Reason::None), old.clone()), None);
        assert_eq!(told(new(blessed, Reason::None), old.clone()).unwrap().0, "Blessed");
        assert_eq!(told(old.clone(), new(trial, Reason::None)), None);
        assert!(
            is_open(&boot(old.clone(), new(trial, Reason::None))),
            "it is asked again until it is decided"
        );
        assert!(!is_open(&boot(old.clone(), new(trial.with(Flags::RETIRED), Reason::Deadline))));
        assert!(!is_open(&boot(new(blessed, Reason::None), old.clone())));
        let (reason, message) = told(old, new(trial.with(Flags::RETIRED), Reason::Deadline)).unwrap();
        assert_eq!(reason, "GivenUp");
        assert_eq!(message, "generation 2 in slot b: deadline; `logs SERVICE --failed 2` shows its logs");
    }

    #[test]
    fn everything_but_the_pods_must_be_ready() {
        let mut all = Conditions::default();
        all.set(PODS_READY, Claim::no("Waiting", "a pod"), 1);
        let single = Duties::of(Role::Single);
        let problem = |all: &Conditions| problem(single, &all.list());
        assert_eq!(problem(&all).unwrap(), "ConfigAccepted: not known yet");
        for kind in needed(single) {
            all.set(kind, Claim::yes("Ready"), 1);
        }
        assert_eq!(problem(&all), None);
        all.set(SERVICES_READY, Claim::no("Waiting", "not ready: kubelet"), 2);
        assert_eq!(problem(&all).unwrap(), "ServicesReady: not ready: kubelet");
        all.set(NETWORK_READY, Claim::unknown("NoLink", ""), 2);
        assert_eq!(problem(&all).unwrap(), "NetworkReady: NoLink");
    }

    #[test]
    fn only_where_pods_run_there_is_a_kubernetes_node_to_be_ready() {
        let kinds = |role| needed(Duties::of(role)).collect::<Vec<_>>();
        assert_eq!(kinds(Role::Worker), [CONFIG_ACCEPTED, NETWORK_READY, SERVICES_READY, NODE_READY]);
        assert_eq!(kinds(Role::Controller), [CONFIG_ACCEPTED, NETWORK_READY, SERVICES_READY]);
    }
}

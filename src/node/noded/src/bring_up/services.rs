//! Follows the services: their boot stages, and whether all are ready.
//!
//! It polls `init`, which sends nothing by itself: a small message over a unix socket, often while the node boots,
//! rarely afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use control::{ServiceSpec, ServiceState, Status};

use crate::condition::{Claim, SERVICES_READY};
use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Polling intervals: while the node boots, and afterwards.
const WHILE_BOOTING: Duration = Duration::from_millis(250);
const LATER: Duration = Duration::from_secs(10);
/// A node that has not come up by then will not, so it is polled less often.
const LONGEST_BOOT: Duration = Duration::from_secs(600);

/// Boot stages, and the service whose readiness each one is.
const STAGES: [(&str, &str); 4] =
    [("etcd", "etcd"), ("etcd", "kine"), ("apiserver", "kube-apiserver"), ("kubelet", "kubelet")];

/// Starts following; returns at once.
pub fn follow(node: &Arc<Node>) {
    let node = Arc::clone(node);
    spawn_or_tell("services", move || {
        let (mut told, began) = (BTreeSet::new(), Instant::now());
        loop {
            let mut all_ready = false;
            match node.init.status() {
                Ok(status) => {
                    for stage in reached(&status) {
                        if told.insert(stage) {
                            node.init.stage(stage);
                        }
                    }
                    let claim = claim(&status, &node.planned().services);
                    all_ready = claim.status == api::ConditionStatus::True;
                    node.claim(SERVICES_READY, claim);
                }
                Err(e) => node.claim(SERVICES_READY, Claim::unknown("NoInit", format!("{e:#}"))),
            }
            let settled = all_ready || began.elapsed() > LONGEST_BOOT;
            thread::sleep(if settled { LATER } else { WHILE_BOOTING });
        }
    });
}

/// Waits until a service is ready.
pub fn wait_for(node: &Node, service: &str) {
    // An error is reported by the other thread.
    while !node.init.status().is_ok_and(|s| state_of(&s, service) == Some(ServiceState::Ready)) {
        thread::sleep(WHILE_BOOTING);
    }
}

/// Returns the stages whose service is ready.
fn reached(status: &Status) -> impl Iterator<Item = &'static str> {
    STAGES
        .into_iter()
        .filter(|(_, service)| state_of(status, service) == Some(ServiceState::Ready))
        .map(|s| s.0)
}

/// Waits until a service is ready, or for some time.
pub fn wait_at_most(node: &Node, service: &str, longest: Duration) {
    let began = Instant::now();
    let is_ready = || node.init.status().is_ok_and(|s| state_of(&s, service) == Some(ServiceState::Ready));
    while began.elapsed() < longest && !is_ready() {
        thread::sleep(WHILE_BOOTING);
    }
}

fn state_of(status: &Status, name: &str) -> Option<ServiceState> {
    status.services.iter().find(|s| s.name == name).map(|s| s.state)
}

/// Returns whether all services are ready and all tasks have succeeded. Those of `planned` that `init` does not have
/// are stopped for a while.
fn claim(status: &Status, planned: &[ServiceSpec]) -> Claim {
    let settled = |s: ServiceState| matches!(s, ServiceState::Ready | ServiceState::Done);
    let stopped = planned.iter().map(|s| s.name.as_str()).filter(|name| state_of(status, name).is_none());
    let open: Vec<&str> = status
        .services
        .iter()
        .filter(|s| s.name != control::NODED && !settled(s.state))
        .map(|s| s.name.as_str())
        .chain(stopped)
        .collect();
    match open.is_empty() {
        true => Claim::yes("AllReady"),
        false => Claim::no("Waiting", format!("not ready: {}", open.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::ServiceStatus;

    fn status(states: &[(&str, ServiceState)]) -> Status {
        let service = |(name, state): &(&str, ServiceState)| ServiceStatus {
            name: (*name).to_owned(),
            state: *state,
            pid: None,
            restarts: 0,
            last_exit: None,
            since_ms: 0,
            usage: None,
        };
        Status { services: states.iter().map(service).collect(), ..Status::default() }
    }

    #[test]
    fn stages_follow_readiness() {
        let status = status(&[("kine", ServiceState::Ready), ("kube-apiserver", ServiceState::Starting)]);
        assert_eq!(reached(&status).collect::<Vec<_>>(), ["etcd"]);
    }

    #[test]
    fn names_what_is_not_ready() {
        let waiting = status(&[
            ("noded", ServiceState::Starting),
            ("image-import", ServiceState::Done),
            ("kubelet", ServiceState::BackOff),
        ]);
        assert_eq!(claim(&waiting, &[]).message, "not ready: kubelet");
        let ready = status(&[("etcd", ServiceState::Ready)]);
        assert_eq!(claim(&ready, &[]).reason, "AllReady");
        let spec = r#"{"name":"kubelet","command":["/x"],"user":{"uid":0,"gid":0}}"#;
        let planned = [serde_json::from_str(spec).unwrap()];
        assert_eq!(claim(&ready, &planned).message, "not ready: kubelet", "it was stopped");
    }
}

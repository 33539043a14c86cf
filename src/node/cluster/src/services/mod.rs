//! The services of a node: program, user, dependencies and flags of each.
//!
//! Order. The store, the API server and containerd start at once: an API server works for seconds before it
//! first uses its store. Clients of the API server wait until it responds, not until it is ready, since the
//! processors are idle in between. Started earlier, they back off for up to 30 s and compete with the API
//! server for the processor. An open port means nothing: the API server listens before it does anything else.
//!
//! Memory. A node has few objects and many Go programs, so `GOGC=50`. Measured on the API server alone, not
//! emulated, until it is ready: 157 MB of its own memory and 1.64 s of processor time, with 100 (Go's
//! default) 199 MB and 1.47 s, with 200 228 MB and 1.21 s. So the Kubernetes programs run no garbage
//! collection in the first minute (`cmd/kube/memory.go` of the component), then use 50: the API server is
//! ready after 1.6 s instead of 2.0, with the same memory afterwards. More than 400 gains nothing, and etcd
//! gains nothing either. A program that is idle for a minute collects garbage anyway and returns the memory.
//! There is no `GOMEMLIMIT`: one that fits a small node makes a large one collect garbage without end. No
//! controllers, admission plugins or watch caches are disabled: something would depend on each.
//!
//! Timers. Each Go program has a monitoring thread that sleeps for 20 µs between two checks while there is
//! work. If it is woken up to 2 ms late, a booting node (two emulated processors) has 48,000 timer interrupts
//! instead of 130,000, 175,000 context switches instead of 300,000, and spends a sixth less time in the
//! kernel. What these services wait for takes milliseconds and more.
//!
//! Start. According to a profile, the API server spends its time until it is ready on its OpenAPI documents
//! in JSON (a quarter), TLS (a seventh) and requests to itself (roles, priorities; a tenth); no flag avoids a
//! part of that without loss. So the objects that it creates for itself are in the store from the start (the
//! component's `cmd/kube/empty_store.go`), and the connection to the store does not use TLS (`store.rs`).

mod apiserver;
mod builder;
mod controllers;
mod kube_proxy;
mod kubelet;
mod parts;
mod policy;
mod runtime;
mod store;
#[cfg(test)]
mod tests;

use crate::duties::Duties;
use crate::facts::Facts;
use crate::file::Directory;
use parts::Parts;

/// Name of the store's service, whichever store it is.
pub const STORE: &str = store::NAME;
/// The store's flag, without dashes, of the longest that its database may become, in bytes. Only etcd has it.
pub const STORE_QUOTA: &str = store::QUOTA;
/// Names of the services that run containers. The others need the store, directly or as clients of the API server.
pub const RUNTIME: [&str; 2] = [runtime::NAME, runtime::IMPORT];
pub use runtime::pod_network;

/// How late a timer may wake a service; see Timers above.
const TIMER_SLACK_US: u32 = 2000;

/// Returns all services of a node with `duties`.
pub(crate) fn of(duties: Duties, facts: &Facts) -> Parts {
    let mut parts = Parts::default();
    parts.directories.push(Directory::public("/etc/kubernetes"));
    if duties.control_plane {
        store::add(facts, &mut parts);
    }
    if duties.workloads {
        runtime::add(facts, &mut parts);
    }
    if duties.control_plane {
        apiserver::add(facts, &mut parts);
        controllers::add(facts, &mut parts);
    }
    if duties.workloads {
        kubelet::add(facts, &mut parts);
        if !facts.cluster.spec.network.kube_proxy.disabled {
            kube_proxy::add(facts, &mut parts);
        }
    }
    // containerd starts pods, whose timers are not ours to change.
    for service in parts.services.iter_mut().filter(|s| !s.limits.delegate) {
        service.limits.timer_slack_us = Some(TIMER_SLACK_US);
    }
    parts
}

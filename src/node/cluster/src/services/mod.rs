//! The services of a node: what runs, as whom, after what, with which flags.
//!
//! Order. The store, the API server and containerd start at once: an API server works for seconds before it asks its
//! store for anything. Clients of the API server wait until it answers, not until it is ready, since the processors
//! are idle in between. Started earlier, they back off for up to 30 s and compete with the API server for the
//! processor. An open port means nothing: it listens before anything else.
//!
//! Memory. A node has few objects and many Go programs, so `GOGC=50`. Measured on the API server alone, not
//! emulated, until it is ready: 157 MB of its own memory and 1.64 s of processor time, with 100 (Go's
//! default) 199 MB and 1.47 s, with 200 228 MB and 1.21 s. So the Kubernetes programs collect no garbage in
//! the first minute (`cmd/kube/memory.go` of the component), then use 50: the API server is ready after
//! 1.6 s instead of 2.0, with the same memory afterwards. More than 400 gains nothing, and etcd does not gain either. A
//! program that is idle for a minute collects anyway and returns the memory. No
//! `GOMEMLIMIT`: one that fits a small node makes a large one collect garbage without end. Controllers,
//! admission plugins and watch caches are left as they are: what is missing there is missed.
//!
//! Timers. Each Go program has a thread that looks after the others and sleeps for 20 µs between two looks
//! while there is work. Woken up to 2 ms late, a booting node (two emulated processors) has 48,000 timer
//! interrupts instead of 130,000, 175,000 changes of process instead of 300,000, and spends a sixth less
//! time in the kernel. What these services wait for takes milliseconds and more.
//!
//! Start. Where the API server's time goes until it is ready, by its profile: documents of its interface in
//! JSON (OpenAPI) a quarter, TLS a seventh, requests to itself (roles, priorities) a tenth; no flag leaves
//! out a part of that without loss. So what it creates for itself is in the store before (the component's
//! `cmd/kube/empty_store.go`), and no TLS is spoken to the store (`store.rs`).

mod apiserver;
mod builder;
mod controllers;
mod kube_proxy;
mod kubelet;
mod parts;
mod runtime;
mod store;
#[cfg(test)]
mod tests;

use crate::facts::Facts;
use parts::Parts;

/// How late a service may be woken from a sleep; see Timers above.
const TIMER_SLACK_US: u32 = 2000;

/// All services of role `single`.
pub(crate) fn single(facts: &Facts) -> Parts {
    let mut parts = Parts::default();
    store::add(facts, &mut parts);
    runtime::add(facts, &mut parts);
    apiserver::add(facts, &mut parts);
    controllers::add(facts, &mut parts);
    kubelet::add(facts, &mut parts);
    if !facts.cluster.spec.network.kube_proxy.disabled {
        kube_proxy::add(facts, &mut parts);
    }
    // What containerd starts are pods, and a pod's clock is its own affair.
    for service in parts.services.iter_mut().filter(|s| !s.limits.delegate) {
        service.limits.timer_slack_us = Some(TIMER_SLACK_US);
    }
    parts
}

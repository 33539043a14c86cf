//! Helpers for writing service specifications.

use std::collections::{BTreeMap, BTreeSet};

use config::ExtraArgs;
use control::{Health, Limits, Probe, Restart, RestartPolicy, ServiceSpec, Stop, User};

/// The PATH of all services: containerd runs runc, kube-proxy and CNI plugins run nft and iptables.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Flags by name, without dashes.
#[derive(Debug)]
pub(crate) struct Flags(BTreeMap<String, String>);

impl Flags {
    pub fn new<const N: usize>(flags: [(&str, &str); N]) -> Self {
        Flags(flags.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Adds or replaces a flag.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Adds the operator's flags, which override ours.
    pub fn extend(&mut self, extra: &ExtraArgs) {
        self.0.extend(extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    /// Adds feature gates, if there are any.
    pub fn feature_gates(&mut self, gates: &BTreeMap<String, bool>) {
        let list: Vec<String> = gates.iter().map(|(gate, on)| format!("{gate}={on}")).collect();
        if !list.is_empty() {
            self.set("feature-gates", list.join(","));
        }
    }

    /// Returns the command line of `program`, with flags sorted by name.
    pub fn command(self, program: &str) -> Vec<String> {
        let flags = self.0.into_iter().map(|(name, value)| format!("--{name}={value}"));
        std::iter::once(program.to_owned()).chain(flags).collect()
    }
}

/// A daemon that runs `command` as `user`, starts at once and is restarted whenever it ends.
pub(crate) fn daemon(name: &str, user: User, command: Vec<String>) -> ServiceSpec {
    ServiceSpec {
        name: name.to_owned(),
        command,
        environment: [("PATH", PATH), ("GOGC", "50")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        user,
        after: BTreeSet::new(),
        readiness: None,
        health: None,
        restart: Restart::default(),
        limits: Limits::default(),
        stop: Stop::default(),
    }
}

/// A task that runs once, until it succeeds.
pub(crate) fn task(name: &str, user: User, command: &[&str]) -> ServiceSpec {
    let command = command.iter().map(|w| (*w).to_owned()).collect();
    ServiceSpec {
        readiness: Some(Probe::Exit),
        restart: Restart { policy: RestartPolicy::OnFailure, ..Restart::default() },
        ..daemon(name, user, command)
    }
}

/// Returns the set of services that must be ready first.
pub(crate) fn after<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// Returns a health check that restarts the service after two minutes of failures, since a slow machine is
/// not a fault.
pub(crate) fn health(probe: Probe) -> Option<Health> {
    Some(Health { probe, interval_secs: 20, failures: 6 })
}

/// Returns a probe that runs a command.
pub(crate) fn exec(command: &[&str]) -> Option<Probe> {
    Some(Probe::Exec(command.iter().map(|w| (*w).to_owned()).collect()))
}

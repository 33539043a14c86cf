//! What a service is: command, user, dependencies, readiness, restarts, limits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Most services of a set: each costs PID 1 a few descriptors, of which it has a thousand.
pub const MAX_SERVICES: usize = 128;
/// Longest name of a service, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// The complete specification of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Name: lower-case letters, digits and `-`; also the name of its cgroup and log.
    pub name: String,
    /// Absolute path of the program, then its arguments.
    pub command: Vec<String>,
    /// The whole environment; nothing is inherited.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Who runs it.
    pub user: User,
    /// Services that must be ready before this one starts.
    #[serde(default)]
    pub after: BTreeSet<String>,
    /// When it counts as ready.
    #[serde(default)]
    pub readiness: Option<Probe>,
    /// A repeated check once it is ready.
    #[serde(default)]
    pub health: Option<Health>,
    /// What happens when it ends.
    #[serde(default)]
    pub restart: Restart,
    /// Bounds of its cgroup and process.
    #[serde(default)]
    pub limits: Limits,
    /// How it is stopped.
    #[serde(default)]
    pub stop: Stop,
}

/// A user and group, by number: a node has no name service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id; no further groups.
    pub gid: u32,
}

impl User {
    /// The superuser.
    pub const ROOT: User = User { uid: 0, gid: 0 };
}

/// A question with the answer yes or no. Repeated until yes for readiness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Probe {
    /// Yes when the service has ended with exit code 0: a task, not a daemon.
    Exit,
    /// Yes when this command (absolute path first), run as the service's user, exits with 0. It may
    /// wait for the answer itself; it is killed when the service ends.
    Exec(Vec<String>),
    /// Yes when `GET path` on 127.0.0.1:`port`, plain HTTP, answers 200–399.
    Http {
        /// TCP port.
        port: u16,
        /// Path with query, beginning with `/`.
        path: String,
    },
    /// Yes when 127.0.0.1:`port` accepts a connection.
    Tcp {
        /// TCP port.
        port: u16,
    },
    /// Yes when the service sends `READY=1` to `NOTIFY_SOCKET` (`sd_notify(3)`). Readiness only.
    Notify,
    /// Yes when the file, below `/run`, exists. Removed before each start.
    File(PathBuf),
}

/// A repeated check; too many failures in a row restart the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The check. [`Probe::Exit`] and [`Probe::Notify`] are refused.
    pub probe: Probe,
    /// Seconds between two checks, at least 1.
    pub interval_secs: u32,
    /// Failures in a row before a restart, at least 1.
    pub failures: u32,
}

/// When an ended service is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Whatever its exit code.
    Always,
    /// Only when it failed.
    OnFailure,
    /// Never.
    Never,
}

/// Restart policy and the pause before it, which doubles from `first_ms` to `max_ms`, with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// When to restart.
    pub policy: RestartPolicy,
    /// First pause in milliseconds, at least 1.
    pub first_ms: u32,
    /// Longest pause in milliseconds, at least `first_ms`.
    pub max_ms: u32,
    /// After this many seconds of running the pause begins at `first_ms` again.
    pub reset_secs: u32,
}

impl Default for Restart {
    fn default() -> Self {
        Restart { policy: RestartPolicy::Always, first_ms: 500, max_ms: 30_000, reset_secs: 60 }
    }
}

/// Bounds of a service. `None` leaves the kernel's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// `memory.min` in bytes: kept from reclaim.
    pub memory_min_bytes: Option<u64>,
    /// `memory.max` in bytes.
    pub memory_max_bytes: Option<u64>,
    /// `cpu.weight`, 1 to 10,000.
    pub cpu_weight: Option<u32>,
    /// `pids.max`.
    pub pids_max: Option<u64>,
    /// `oom_score_adj`, -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// `RLIMIT_NOFILE`, soft and hard.
    pub open_files: Option<u64>,
    /// How late the kernel may wake it from a timed sleep, in microseconds, at least 1 (`PR_SET_TIMERSLACK`):
    /// wake-ups that fall together cost one interrupt. Everything it starts is given the same.
    pub timer_slack_us: Option<u32>,
    /// The only capabilities it keeps (names such as `net-bind-service`), as ambient ones, when it does
    /// not run as root. Root keeps all.
    pub capabilities: BTreeSet<String>,
    /// The service makes cgroups of its own below its group (containerd): never kill these with it.
    pub delegate: bool,
}

/// How a service is stopped: a signal, a grace, then its whole cgroup is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Signal number sent to the main process.
    pub signal: i32,
    /// Seconds until the rest is killed.
    pub grace_secs: u32,
}

impl Default for Stop {
    fn default() -> Self {
        Stop { signal: 15, grace_secs: 10 }
    }
}

/// Why a set of services is refused. Names the service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A name that could not be a cgroup or a file.
    #[error("service name {0:?}: expected 1 to 64 lower-case letters, digits and '-'")]
    Name(String),
    /// More services than PID 1 keeps.
    #[error("a set of {0} services: expected at most {MAX_SERVICES}")]
    TooMany(usize),
    /// Two services of one name.
    #[error("service {0}: declared twice")]
    Repeated(String),
    /// A command without an absolute program.
    #[error("service {0}: expected an absolute path as first word of the command, found {1:?}")]
    Command(String, String),
    /// A dependency that is not declared.
    #[error("service {0}: depends on {1}, which is not declared")]
    Unknown(String, String),
    /// Services that wait for each other.
    #[error("service {0}: depends on itself, through its dependencies")]
    Cycle(String),
    /// A number out of range.
    #[error("service {0}: {1} is out of range")]
    Range(String, &'static str),
    /// A health check that can't be one.
    #[error("service {0}: {1} is not a health check")]
    Health(String, &'static str),
}

/// Checks a whole set of services: each one in itself, names, dependencies, cycles.
///
/// # Errors
/// The first [`SpecError`] found; the set must then not be used.
pub fn validate_all(services: &[ServiceSpec]) -> Result<(), SpecError> {
    if services.len() > MAX_SERVICES {
        return Err(SpecError::TooMany(services.len()));
    }
    let mut by_name = BTreeMap::new();
    for s in services {
        validate(s)?;
        if by_name.insert(s.name.as_str(), s).is_some() {
            return Err(SpecError::Repeated(s.name.clone()));
        }
    }
    for s in services {
        if let Some(d) = s.after.iter().find(|d| !by_name.contains_key(d.as_str())) {
            return Err(SpecError::Unknown(s.name.clone(), d.clone()));
        }
    }
    find_cycle(&by_name).map_or(Ok(()), |n| Err(SpecError::Cycle(n.to_owned())))
}

/// Checks what one service says of itself.
fn validate(s: &ServiceSpec) -> Result<(), SpecError> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if s.name.is_empty() || s.name.len() > MAX_NAME_BYTES || !s.name.chars().all(letter) {
        return Err(SpecError::Name(s.name.clone()));
    }
    let program = s.command.first().cloned().unwrap_or_default();
    if !program.starts_with('/') {
        return Err(SpecError::Command(s.name.clone(), program));
    }
    let range = |what| Err(SpecError::Range(s.name.clone(), what));
    // PID 1 looks at the file itself, and must not wait for a disk.
    let on_disk = |probe: &Probe| matches!(probe, Probe::File(path) if !path.starts_with("/run"));
    if s.readiness.iter().chain(s.health.iter().map(|h| &h.probe)).any(on_disk) {
        return range("the file of a probe outside of /run");
    }
    if s.restart.first_ms == 0 || s.restart.max_ms < s.restart.first_ms {
        return range("restart pause");
    }
    if s.limits.cpu_weight.is_some_and(|w| !(1..=10_000).contains(&w)) {
        return range("cpu_weight");
    }
    if s.limits.timer_slack_us == Some(0) {
        return range("timer_slack_us");
    }
    if s.limits.oom_score_adj.is_some_and(|a| !(-1000..=1000).contains(&a)) {
        return range("oom_score_adj");
    }
    if !(1..=64).contains(&s.stop.signal) {
        return range("stop signal");
    }
    let Some(health) = &s.health else { return Ok(()) };
    if health.interval_secs == 0 || health.failures == 0 {
        return range("health interval or failures");
    }
    match health.probe {
        Probe::Exit => Err(SpecError::Health(s.name.clone(), "exit")),
        Probe::Notify => Err(SpecError::Health(s.name.clone(), "notify")),
        _ => Ok(()),
    }
}

/// Returns a service that waits for itself, if there is one: what is left when all services whose
/// dependencies are settled have been settled.
fn find_cycle<'a>(by_name: &BTreeMap<&'a str, &'a ServiceSpec>) -> Option<&'a str> {
    let mut open: BTreeSet<&str> = by_name.keys().copied().collect();
    loop {
        let settled: Vec<&str> = open
            .iter()
            .filter(|n| by_name[*n].after.iter().all(|d| !open.contains(d.as_str())))
            .copied()
            .collect();
        if settled.is_empty() {
            return open.first().copied();
        }
        settled.iter().for_each(|n| {
            open.remove(n);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, after: &[&str]) -> ServiceSpec {
        ServiceSpec {
            name: name.into(),
            command: vec!["/bin/x".into()],
            environment: BTreeMap::new(),
            user: User::ROOT,
            after: after.iter().map(|s| (*s).to_owned()).collect(),
            readiness: None,
            health: None,
            restart: Restart::default(),
            limits: Limits::default(),
            stop: Stop::default(),
        }
    }

    #[test]
    fn accepts_a_tree() {
        let set = [service("a", &[]), service("b", &["a"]), service("c", &["a", "b"])];
        assert_eq!(validate_all(&set), Ok(()));
    }

    #[test]
    fn refuses_cycles_unknowns_and_repeats() {
        let cases = [
            (vec![service("a", &["a"])], SpecError::Cycle("a".into())),
            (vec![service("a", &["b"]), service("b", &["a"])], SpecError::Cycle("a".into())),
            (vec![service("a", &["z"])], SpecError::Unknown("a".into(), "z".into())),
            (vec![service("a", &[]), service("a", &[])], SpecError::Repeated("a".into())),
        ];
        for (set, expected) in cases {
            assert_eq!(validate_all(&set), Err(expected));
        }
    }

    #[test]
    fn refuses_more_services_than_there_are_descriptors_for() {
        let set = |n: usize| (0..n).map(|n| service(&format!("s{n}"), &[])).collect::<Vec<_>>();
        assert_eq!(validate_all(&set(MAX_SERVICES)), Ok(()));
        let one_more = MAX_SERVICES + 1;
        assert_eq!(validate_all(&set(one_more)), Err(SpecError::TooMany(one_more)));
    }

    #[test]
    fn refuses_bad_fields() {
        let change = |f: fn(&mut ServiceSpec)| {
            let mut s = service("a", &[]);
            f(&mut s);
            validate_all(&[s]).unwrap_err()
        };
        assert!(matches!(change(|s| s.name = "../x".into()), SpecError::Name(_)));
        assert!(matches!(change(|s| s.name = String::new()), SpecError::Name(_)));
        assert!(matches!(change(|s| s.command = vec![]), SpecError::Command(..)));
        assert!(matches!(change(|s| s.command = vec!["sh".into()]), SpecError::Command(..)));
        assert!(matches!(change(|s| s.restart.first_ms = 0), SpecError::Range(..)));
        assert!(matches!(change(|s| s.limits.cpu_weight = Some(0)), SpecError::Range(..)));
        assert!(matches!(change(|s| s.limits.timer_slack_us = Some(0)), SpecError::Range(..)));
        assert!(matches!(change(|s| s.stop.signal = 99), SpecError::Range(..)));
        assert!(matches!(change(|s| s.readiness = Some(Probe::File("/var/x".into()))), SpecError::Range(..)));
        let notify = |s: &mut ServiceSpec| {
            s.health = Some(Health { probe: Probe::Notify, interval_secs: 1, failures: 1 });
        };
        assert!(matches!(change(notify), SpecError::Health(..)));
    }
}

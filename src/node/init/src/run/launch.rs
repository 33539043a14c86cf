//! Starts a process from the specification of a service.

use std::os::fd::{AsFd, BorrowedFd};

use anyhow::bail;
use control::{NOTIFY_PATH, Probe, ServiceSpec};
use sys::{Cgroup, Child, Launch};

/// Names of all capabilities without `CAP_`, by number: `include/uapi/linux/capability.h`.
const CAPABILITIES: [&str; 41] = [
    "chown",
    "dac-override",
    "dac-read-search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux-immutable",
    "net-bind-service",
    "net-broadcast",
    "net-admin",
    "net-raw",
    "ipc-lock",
    "ipc-owner",
    "sys-module",
    "sys-rawio",
    "sys-chroot",
    "sys-ptrace",
    "sys-pacct",
    "sys-admin",
    "sys-boot",
    "sys-nice",
    "sys-resource",
    "sys-time",
    "sys-tty-config",
    "mknod",
    "lease",
    "audit-write",
    "audit-control",
    "setfcap",
    "mac-override",
    "mac-admin",
    "syslog",
    "wake-alarm",
    "block-suspend",
    "audit-read",
    "perfmon",
    "bpf",
    "checkpoint-restore",
];

/// Starts `command` as the service's user in its group, with its output where `output` goes.
pub(super) fn spawn(
    spec: &ServiceSpec,
    command: &[String],
    cgroup: Option<&Cgroup>,
    output: BorrowedFd<'_>,
) -> anyhow::Result<Child> {
    let capabilities = capability_numbers(spec)?;
    let cgroup = cgroup.map(Cgroup::open).transpose()?;
    Ok(sys::spawn(&Launch {
        command,
        environment: &environment(spec),
        uid: spec.user.uid,
        gid: spec.user.gid,
        cgroup: cgroup.as_ref().map(AsFd::as_fd),
        output,
        oom_score_adj: spec.limits.oom_score_adj,
        open_files: spec.limits.open_files,
        timer_slack_ns: spec.limits.timer_slack_us.map(|us| u64::from(us) * 1000),
        capabilities: &capabilities,
    })?)
}

/// Returns the whole environment of a service.
fn environment(spec: &ServiceSpec) -> Vec<String> {
    let notify = (spec.readiness == Some(Probe::Notify)).then(|| format!("NOTIFY_SOCKET={NOTIFY_PATH}"));
    spec.environment.iter().map(|(name, value)| format!("{name}={value}")).chain(notify).collect()
}

/// Returns the numbers of the capabilities that the service keeps.
fn capability_numbers(spec: &ServiceSpec) -> anyhow::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for name in &spec.limits.capabilities {
        match (0u32..).zip(CAPABILITIES).find(|(_, known)| known == name) {
            Some((number, _)) => numbers.push(number),
            None => bail!("there is no capability {name}"),
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_kernels_numbers() {
        let mut spec = super::super::noded::spec();
        spec.limits.capabilities = ["net-bind-service", "checkpoint-restore"].map(str::to_owned).into();
        assert_eq!(capability_numbers(&spec).unwrap(), [40, 10]);
        spec.limits.capabilities = [String::from("CAP_KILL")].into();
        assert_eq!(capability_numbers(&spec).unwrap_err().to_string(), "there is no capability CAP_KILL");
    }

    #[test]
    fn only_services_that_notify_learn_of_the_socket() {
        let mut spec = super::super::noded::spec();
        assert_eq!(environment(&spec), ["PATH=/usr/bin:/usr/sbin"]);
        spec.readiness = Some(Probe::Notify);
        assert!(environment(&spec).contains(&format!("NOTIFY_SOCKET={NOTIFY_PATH}")));
    }
}

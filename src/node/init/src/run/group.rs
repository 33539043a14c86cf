//! The cgroup of a service: `ironhull/NAME`, and its bounds.

use std::path::Path;

use control::{Limits, ServiceSpec, Usage};
use sys::{Cgroup, SysError};

/// Where the hierarchy is mounted.
pub(crate) const HIERARCHY: &str = "/sys/fs/cgroup";
/// The group of all services.
const SERVICES: &str = "ironhull";

/// Returns the group of all services.
pub(super) fn services() -> Cgroup {
    Cgroup::at(format!("{HIERARCHY}/{SERVICES}"))
}

/// Returns the group of a service.
pub(super) fn of(service: &str) -> Cgroup {
    Cgroup::at(services().path().join(service))
}

/// Makes the group and sets its bounds.
pub(super) fn prepare(spec: &ServiceSpec) -> Result<Cgroup, SysError> {
    let group = of(&spec.name);
    group.create()?;
    for (file, value) in settings(&spec.limits) {
        group.set(file, &value)?;
    }
    let services = services();
    services.set("memory.min", &promised_bytes(services.path()).to_string())?;
    Ok(group)
}

/// Returns how much memory the groups below `parent` are promised. The kernel keeps for a group at most what it keeps
/// for the group above it (`memory.min` in `cgroup-v2.rst`).
fn promised_bytes(parent: &Path) -> u64 {
    let Ok(groups) = std::fs::read_dir(parent) else { return 0 };
    let promise = |group: std::fs::DirEntry| {
        std::fs::read_to_string(group.path().join("memory.min")).ok()?.trim().parse::<u64>().ok()
    };
    groups.flatten().filter_map(promise).fold(0, u64::saturating_add)
}

/// Returns the control files and what goes into them; a bound that was taken back becomes the default.
fn settings(limits: &Limits) -> [(&'static str, String); 4] {
    let or_max = |n: Option<u64>| n.map_or("max".to_owned(), |n| n.to_string());
    [
        ("memory.min", limits.memory_min_bytes.unwrap_or(0).to_string()),
        ("memory.max", or_max(limits.memory_max_bytes)),
        ("cpu.weight", limits.cpu_weight.unwrap_or(100).to_string()),
        ("pids.max", or_max(limits.pids_max)),
    ]
}

/// Returns what the group of a service uses, if there is one.
pub(super) fn usage(service: &str) -> Option<Usage> {
    let group = of(service);
    let read = |file: &str| std::fs::read_to_string(group.path().join(file)).ok();
    Some(Usage {
        memory_bytes: parse_field(&read("memory.stat")?, "anon")?,
        cpu_ms: parse_field(&read("cpu.stat")?, "usage_usec")? / 1000,
    })
}

/// Returns a number out of a flat keyed file of cgroup v2.
fn parse_field(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(' '));
    value?.parse().ok()
}

/// Returns the service out of the contents of `/proc/PID/cgroup`, if the process is one's.
pub(super) fn parse_service(cgroup: &str) -> Option<&str> {
    let path = cgroup.lines().find_map(|l| l.strip_prefix("0::/"))?;
    let mut parts = path.split('/');
    (parts.next() == Some(SERVICES)).then_some(())?;
    parts.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_bounds_are_the_kernels_defaults() {
        let texts = settings(&Limits::default()).map(|(_, v)| v);
        assert_eq!(texts, ["0", "max", "100", "max"]);
        let limits = Limits { memory_max_bytes: Some(1 << 20), cpu_weight: Some(7), ..Limits::default() };
        assert_eq!(settings(&limits).map(|(_, v)| v), ["0", "1048576", "7", "max"]);
    }

    #[test]
    fn the_promises_of_all_groups_add_up() {
        let dir = tempfile::tempdir().unwrap();
        for (group, min) in [("etcd", "33554432\n"), ("kube-apiserver", "134217728\n"), ("odd", "x\n")] {
            std::fs::create_dir(dir.path().join(group)).unwrap();
            std::fs::write(dir.path().join(group).join("memory.min"), min).unwrap();
        }
        std::fs::write(dir.path().join("memory.min"), "7\n").unwrap();
        assert_eq!(promised_bytes(dir.path()), 160 << 20);
        assert_eq!(promised_bytes(&dir.path().join("missing")), 0);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "anon_thp 1\nanon 4096\nfile x\n";
        assert_eq!(parse_field(text, "anon"), Some(4096));
        assert_eq!(parse_field(text, "file"), None);
        assert_eq!(parse_field(text, "kernel"), None);
    }

    #[test]
    fn only_processes_of_our_groups_have_a_service() {
        assert_eq!(parse_service("0::/ironhull/etcd\n"), Some("etcd"));
        assert_eq!(parse_service("0::/ironhull/containerd/deeper\n"), Some("containerd"));
        assert_eq!(parse_service("0::/kubepods/ironhull/etcd\n"), None);
        assert_eq!(parse_service("0::/\n"), None);
    }
}

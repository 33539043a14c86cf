//! Kernel settings that Kubernetes needs, those that make a crashed kernel reset, and those that harden.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::Base;

/// A setting and its value.
type Setting = (&'static str, &'static str);

/// What Kubernetes and changing networks need, in the order in which it is written (forwarding for all links switches `ip_forward` too).
/// The kubelet refuses to start when one of its own differs.
const KUBERNETES: [Setting; 14] = [
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.forwarding", "1"),
    ("net.ipv6.conf.all.forwarding", "1"),
    // Otherwise an address takes along those in its network that came later, and with the last one all routes go.
    ("net.ipv4.conf.all.promote_secondaries", "1"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ("fs.inotify.max_user_instances", "8192"),
    ("fs.inotify.max_user_watches", "524288"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.keys.root_maxbytes", "25000000"),
    ("kernel.pid_max", "4194304"),
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
    ("vm.max_map_count", "262144"),
];

/// A crashed kernel resets.
const CRASH: [Setting; 2] = [("kernel.panic", "10"), ("kernel.panic_on_oops", "1")];

/// Drives keep their trays where they are: the search for user-data opens their devices every few seconds.
const DRIVES: [Setting; 1] = [("dev.cdrom.autoclose", "0")];

/// What an unprivileged process in a pod has no use for. `docs/reference/kernel.md` compares them with what
/// `kernel-hardening-checker` asks for.
const HARDENING: [Setting; 14] = [
    ("fs.protected_fifos", "2"),
    ("fs.protected_hardlinks", "1"),
    ("fs.protected_regular", "2"),
    ("fs.protected_symlinks", "1"),
    ("fs.suid_dumpable", "0"),
    ("kernel.dmesg_restrict", "1"),
    ("kernel.kptr_restrict", "2"),
    ("kernel.perf_event_paranoid", "3"),
    ("kernel.sysrq", "0"),
    ("kernel.unprivileged_bpf_disabled", "1"),
    // Pods with `hostUsers: false` get theirs from the runtime, which is privileged.
    ("kernel.unprivileged_userns_clone", "0"),
    ("kernel.yama.ptrace_scope", "1"),
    ("vm.mmap_min_addr", "65536"),
    ("vm.mmap_rnd_bits", "32"),
];

/// Of each link, those of today and of later, below `net`: no redirects either way, no source routes. There is no
/// reverse path filter: even a loose one drops the answers of a DHCP server as long as there is no route.
const LINKS: [Setting; 6] = [
    ("ipv4/conf/*/accept_redirects", "0"),
    ("ipv4/conf/*/secure_redirects", "0"),
    ("ipv4/conf/*/send_redirects", "0"),
    ("ipv4/conf/*/accept_source_route", "0"),
    ("ipv6/conf/*/accept_redirects", "0"),
    ("ipv6/conf/*/accept_source_route", "0"),
];

/// Writes all settings. One that this kernel does not have is left out.
pub(super) fn apply_all(base: &mut Base) {
    for (name, value) in KUBERNETES.into_iter().chain(CRASH).chain(DRIVES).chain(HARDENING) {
        apply(base, &path(name), value);
    }
    let root = Path::new("/proc/sys/net");
    for (pattern, value) in LINKS {
        for file in each_link(root, pattern) {
            apply(base, &file, value);
        }
    }
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    if let Some(reserve) = reserve_kib(&memory) {
        apply(base, &path("vm.min_free_kbytes"), &reserve.to_string());
    }
}

fn apply(base: &mut Base, file: &Path, value: &str) {
    match std::fs::write(file, value) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            base.voice.error(&format!("setting {} to {value}: {e}", file.display()));
        }
        _ => {}
    }
}

/// Returns the files of a setting of links, `*` being the link.
fn each_link(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let Some((directory, name)) = pattern.split_once("/*/") else { return Vec::new() };
    let directory = root.join(directory);
    let Ok(links) = std::fs::read_dir(&directory) else { return Vec::new() };
    links.flatten().map(|link| directory.join(link.file_name()).join(name)).collect()
}

/// Returns how much memory the kernel keeps free for itself, in KiB, as it reckons without huge pages
/// (`mm/page_alloc.c`, `calculate_min_free_kbytes`). With them it is 68 MB on a machine of 4 GiB instead of
/// 8, for pages that hardly anybody asks for.
fn reserve_kib(meminfo: &str) -> Option<u64> {
    let total = sys::proc_kib(meminfo, "MemTotal")?;
    Some(total.saturating_mul(16).isqrt().clamp(128, 262_144))
}

/// Returns the file of a setting.
fn path(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_the_kernels_own() {
        assert_eq!(reserve_kib("MemTotal:        4018476 kB\nMemFree: 1 kB\n"), Some(8018));
        assert_eq!(reserve_kib("MemTotal: 1 kB\n"), Some(128));
        assert_eq!(reserve_kib("MemTotal: 99999999999 kB\n"), Some(262_144));
        assert_eq!(reserve_kib(""), None);
    }

    #[test]
    fn a_setting_of_links_is_one_of_each() {
        let dir = tempfile::tempdir().unwrap();
        for link in ["all", "default", "lo"] {
            std::fs::create_dir_all(dir.path().join("ipv4/conf").join(link)).unwrap();
        }
        let mut files = each_link(dir.path(), "ipv4/conf/*/send_redirects");
        files.sort();
        let expected =
            ["all", "default", "lo"].map(|l| dir.path().join("ipv4/conf").join(l).join("send_redirects"));
        assert_eq!(files, expected);
        assert_eq!(each_link(dir.path(), "ipv6/conf/*/accept_redirects"), Vec::<PathBuf>::new());
    }

    #[test]
    fn dots_are_directories() {
        let expected = Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables");
        assert_eq!(path("net.bridge.bridge-nf-call-iptables"), expected);
    }
}

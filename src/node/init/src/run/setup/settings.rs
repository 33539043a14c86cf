//! Kernel settings that Kubernetes needs, and those that make a crashed kernel reset.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::Base;

/// Settings and values, in the order in which they are written (forwarding for all links switches
/// `ip_forward` too). The kubelet refuses to start when one of its own differs.
const SETTINGS: [(&str, &str); 22] = [
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.forwarding", "1"),
    ("net.ipv6.conf.all.forwarding", "1"),
    // Otherwise an address takes along those in its network that came later, and with the last one all routes go.
    ("net.ipv4.conf.all.promote_secondaries", "1"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ("fs.inotify.max_user_instances", "8192"),
    ("fs.inotify.max_user_watches", "524288"),
    ("fs.protected_fifos", "1"),
    ("fs.protected_hardlinks", "1"),
    ("fs.protected_regular", "2"),
    ("fs.protected_symlinks", "1"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.keys.root_maxbytes", "25000000"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("kernel.pid_max", "4194304"),
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
    ("vm.max_map_count", "262144"),
    ("vm.mmap_min_addr", "65536"),
    ("kernel.dmesg_restrict", "1"),
];

/// Writes all settings. One that this kernel does not have is left out.
pub(super) fn apply_all(base: &mut Base) {
    for (name, value) in SETTINGS {
        apply(base, name, value);
    }
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    if let Some(reserve) = reserve_kib(&memory) {
        apply(base, "vm.min_free_kbytes", &reserve.to_string());
    }
}

fn apply(base: &mut Base, name: &str, value: &str) {
    match std::fs::write(path(name), value) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            base.voice.error(&format!("setting {name} to {value}: {e}"));
        }
        _ => {}
    }
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
    fn dots_are_directories() {
        let expected = Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables");
        assert_eq!(path("net.bridge.bridge-nf-call-iptables"), expected);
    }
}

//! The memory use of the machine, from `/proc/meminfo`, and of PID 1.

use std::fs;

use api::Memory;

/// Reads the memory use; zeros if it is not available.
pub fn load() -> Memory {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    parse(&read("/proc/meminfo"), &read("/proc/1/status"))
}

/// Parses `/proc/meminfo` and `/proc/1/status`.
fn parse(machine: &str, init: &str) -> Memory {
    let total_bytes = bytes(machine, "MemTotal");
    // The kernel counts files in memory (tmpfs) as cache, but they can't be dropped.
    let cache: u64 = ["Buffers", "Cached", "SReclaimable"].iter().map(|key| bytes(machine, key)).sum();
    let cache = cache.saturating_sub(bytes(machine, "Shmem"));
    let unused = bytes(machine, "MemFree").saturating_add(cache);
    Memory {
        total_bytes,
        available_bytes: bytes(machine, "MemAvailable"),
        used_bytes: total_bytes.saturating_sub(unused),
        init_bytes: bytes(init, "VmRSS"),
    }
}

/// Returns the value of the line `KEY: … kB`; zero if there is none.
fn bytes(text: &str, key: &str) -> u64 {
    sys::proc_kib(text, key).unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_is_what_is_neither_free_nor_cache() {
        let machine = "MemTotal:  4000 kB\nMemFree: 1000 kB\nMemAvailable:   2500 kB\nBuffers: 100 kB\n\
                       Cached: 1800 kB\nSwapCached: 9 kB\nShmem: 200 kB\nSReclaimable: 300 kB\n";
        let memory = parse(machine, "");
        assert_eq!((memory.total_bytes, memory.available_bytes), (4000 * 1024, 2500 * 1024));
        assert_eq!(memory.used_bytes, 1000 * 1024);
        assert_eq!(parse("garbage", "garbage"), Memory::default());
    }

    #[test]
    fn the_resident_set_of_init_is_no_other_of_its_figures() {
        let memory = parse("", "Name:\tinit\nVmHWM:\t  2000 kB\nVmRSS:\t    1700 kB\nRssAnon:\t 9 kB\n");
        assert_eq!(memory.init_bytes, 1700 * 1024);
    }
}

//! The machine's memory, from `/proc/meminfo`.

use std::fs;

use api::Memory;

/// Reads it; zeros where the kernel does not tell.
pub fn load() -> Memory {
    parse(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

/// Parses `/proc/meminfo`.
fn parse(text: &str) -> Memory {
    let bytes = |key: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
        let kib = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kib.unwrap_or(0).saturating_mul(1024)
    };
    let (total_bytes, available_bytes) = (bytes("MemTotal"), bytes("MemAvailable"));
    Memory { total_bytes, available_bytes, used_bytes: total_bytes.saturating_sub(available_bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_is_what_is_not_available() {
        let memory = parse("MemTotal:  4000 kB\nMemFree: 1 kB\nMemAvailable:   3000 kB\n");
        assert_eq!((memory.total_bytes, memory.used_bytes), (4000 * 1024, 1000 * 1024));
        assert_eq!(parse("garbage"), Memory::default());
    }
}

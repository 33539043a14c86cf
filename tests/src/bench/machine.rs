//! The machine on which the measurements are made, without which they mean little.

use std::fmt;
use std::fs;

use serde_json::{Value, json};

/// With a higher load, measured times are not reliable.
const BUSY: f64 = 0.5;

/// The machine, printed with the measurements.
#[derive(Clone, Debug, Default)]
pub struct Host {
    processor: String,
    cpus: usize,
    memory_bytes: u64,
    kernel: String,
    /// Load average of the minute before the start.
    load: f64,
}

impl Host {
    /// Reads the facts; empty or zero if they are not available.
    pub fn load() -> Host {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kib = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
        let load = read("/proc/loadavg").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
        Host {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cpus: cpus(),
            memory_bytes: u64::saturating_mul(kib, 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load,
        }
    }

    /// Returns whether the machine was busy, so that times are too long.
    fn is_busy(&self) -> bool {
        self.load > BUSY
    }

    /// Returns the facts as JSON.
    pub fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cpus": self.cpus,
            "memoryBytes": self.memory_bytes,
            "kernel": self.kernel,
            "load": self.load,
            "busy": self.is_busy(),
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.memory_bytes.div_ceil(1 << 30);
        write!(f, "{}, {} CPUs, {gib} GiB, Linux {}", self.processor, self.cpus, self.kernel)?;
        if self.is_busy() {
            write!(f, "\nThe machine was busy (load {}): times are longer than they would be.", self.load)?;
        }
        Ok(())
    }
}

/// Returns the number of processors that this process may use.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns the value of the first line `KEY: value`.
fn field(text: &str, key: &str) -> String {
    let found = text.lines().find_map(|l| l.strip_prefix(key)?.trim_start().strip_prefix(':'));
    found.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 1\nmodel name\t: A 3000\nMemTotal:  5 kB\n";
        assert_eq!(field(text, "model name"), "A 3000");
        assert_eq!(field(text, "model"), "1");
        assert_eq!(field(text, "absent"), "");
    }

    #[test]
    fn a_busy_machine_says_so() {
        let host = Host { load: 2.0, ..Host::default() };
        assert!(host.to_string().contains("busy"));
        assert!(!Host::default().to_string().contains("busy"));
    }
}

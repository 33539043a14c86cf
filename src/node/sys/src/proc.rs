//! Parses amounts of memory in files of `/proc`: `meminfo` and the `status` of a process.

/// Returns the value of the line `KEY: … kB` in KiB; `None` if there is no such line or number.
#[must_use]
pub fn proc_kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_whole_word_with_a_number_of_kib() {
        let text = "MemTotalX: 1 kB\nMemTotal:        4018476 kB\nHugePages_Total:       0\n";
        assert_eq!(proc_kib(text, "MemTotal"), Some(4_018_476));
        for key in ["MemTot", "HugePages_Total", "MemFree"] {
            assert_eq!(proc_kib(text, key), None, "{key}");
        }
    }
}

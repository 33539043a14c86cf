//! How long to wait before a restart and between two probes.

use control::Restart;

/// First pause between two readiness probes, in milliseconds.
const FIRST_PROBE_MS: u64 = 20;
/// Longest pause between two readiness probes, in milliseconds.
const LAST_PROBE_MS: u64 = 500;

/// Returns the pause in milliseconds before the restart after `failures` runs that ended early (at least
/// one), between half and the whole of what it would be without `jitter`, which may be any number.
#[must_use]
pub(crate) fn restart_ms(restart: &Restart, failures: u32, jitter: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(32);
    let whole = (u64::from(restart.first_ms) << doublings).min(u64::from(restart.max_ms));
    let half = whole / 2;
    whole - u64::from(jitter) % (half + 1)
}

/// Returns the pause in milliseconds after `tries` readiness probes that were answered with no.
#[must_use]
pub(crate) fn probe_ms(tries: u32) -> u64 {
    (FIRST_PROBE_MS << tries.saturating_sub(1).min(16)).min(LAST_PROBE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::RestartPolicy;

    fn restart() -> Restart {
        Restart { policy: RestartPolicy::Always, first_ms: 500, max_ms: 30_000, reset_secs: 60 }
    }

    #[test]
    fn pause_doubles_up_to_its_limit() {
        let pauses: Vec<u64> = (1..9).map(|n| restart_ms(&restart(), n, 0)).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(restart_ms(&restart(), u32::MAX, 0), 30_000);
    }

    #[test]
    fn jitter_takes_off_up_to_half() {
        for jitter in [0, 1, 249, 250, 251, 12_345, u32::MAX] {
            assert!((250..=500).contains(&restart_ms(&restart(), 1, jitter)), "{jitter}");
        }
        let tiny = Restart { first_ms: 1, max_ms: 1, ..restart() };
        assert_eq!(restart_ms(&tiny, 1, u32::MAX), 1);
    }

    #[test]
    fn probes_come_slower_and_slower() {
        let pauses: Vec<u64> = (1..8).map(probe_ms).collect();
        assert_eq!(pauses, [20, 40, 80, 160, 320, 500, 500]);
    }
}

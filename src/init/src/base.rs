//! What all phases need: a voice, the boot stages, the watchdog.

use std::path::{Path, PathBuf};

use control::Stage;
use sys::Watchdog;

use crate::voice::Voice;

/// Seconds without feeding after which the watchdog resets the machine.
const TIMEOUT_SECS: i32 = 60;
/// Milliseconds between two feedings.
const FEED_MS: u64 = 10_000;
/// Most stages that are kept, and the longest name of one in bytes: `noded` names them.
const MAX_STAGES: usize = 64;
const MAX_STAGE_BYTES: usize = 64;

/// The common part of all phases.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) voice: Voice,
    pub(crate) stages: Vec<Stage>,
    watchdog: Option<Watchdog>,
    fed_ms: u64,
}

impl Base {
    /// Returns a base that is mute and has no watchdog yet.
    pub(crate) fn new() -> Base {
        Base { voice: Voice::default(), stages: Vec::new(), watchdog: None, fed_ms: 0 }
    }

    /// Notes that a stage was reached now, unless it was before, and says so.
    pub(crate) fn reach(&mut self, name: &str) {
        self.reach_at(name, sys::boot_ms());
    }

    /// Notes that a stage was reached at `at_ms`, unless it was before, and says so.
    pub(crate) fn reach_at(&mut self, name: &str, at_ms: u64) {
        if let Some(stage) = new_stage(&self.stages, name, at_ms) {
            self.voice.info(&stage_line(&stage));
            self.stages.push(stage);
        }
    }

    /// Arms the best watchdog there is; none is said and survived.
    pub(crate) fn arm_watchdog(&mut self) {
        let Some(path) = best_watchdog(&list_watchdogs()) else {
            self.voice.info("no watchdog found");
            return;
        };
        match Watchdog::arm(&path, TIMEOUT_SECS) {
            Ok((watchdog, _)) => self.watchdog = Some(watchdog),
            Err(e) => self.voice.error(&e.to_string()),
        }
        self.fed_ms = sys::boot_ms();
    }

    /// Feeds the watchdog if it is time; returns in how many milliseconds it will be.
    pub(crate) fn feed_watchdog(&mut self) -> Option<u64> {
        let watchdog = self.watchdog.as_mut()?;
        let now = sys::boot_ms();
        if now.saturating_sub(self.fed_ms) >= FEED_MS {
            self.fed_ms = now;
            if let Err(e) = watchdog.feed() {
                self.voice.error(&e.to_string());
            }
        }
        Some((self.fed_ms + FEED_MS).saturating_sub(now))
    }

    /// Waits, with the watchdog fed.
    pub(crate) fn pause(&mut self, ms: u64) {
        let end = sys::boot_ms() + ms;
        loop {
            self.feed_watchdog();
            let left = end.saturating_sub(sys::boot_ms());
            if left == 0 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(left.min(1000)));
        }
    }
}

/// Returns the stage to be noted, `None` if it is there already, has a bad name, or there are too many.
fn new_stage(stages: &[Stage], name: &str, at_ms: u64) -> Option<Stage> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = !name.is_empty() && name.len() <= MAX_STAGE_BYTES && name.chars().all(letter);
    let new = stages.len() < MAX_STAGES && stages.iter().all(|s| s.name != name);
    (fits && new).then(|| Stage { name: name.to_owned(), at_ms })
}

/// Returns the line that tells of a stage.
fn stage_line(stage: &Stage) -> String {
    format!("stage {} at {}.{:03} s", stage.name, stage.at_ms / 1000, stage.at_ms % 1000)
}

/// A watchdog by what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// A device, which outlives the kernel.
    Hardware,
    /// A timer of the kernel, which does not.
    Kernel,
}

/// Returns the watchdog devices, by name.
fn list_watchdogs() -> Vec<(String, Behind)> {
    let entries = std::fs::read_dir("/sys/class/watchdog").into_iter().flatten().flatten();
    let mut found: Vec<(String, Behind)> = entries
        .map(|e| {
            let place = std::fs::canonicalize(e.path()).unwrap_or_default();
            (e.file_name().to_string_lossy().into_owned(), behind(&place))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Returns what is behind the watchdog at this place in sysfs: one without a device is virtual.
fn behind(place: &Path) -> Behind {
    if place.starts_with("/sys/devices/virtual") { Behind::Kernel } else { Behind::Hardware }
}

/// Returns the first hardware watchdog, or else the kernel's own.
fn best_watchdog(found: &[(String, Behind)]) -> Option<PathBuf> {
    let hardware = found.iter().find(|(_, behind)| *behind == Behind::Hardware);
    hardware.or(found.first()).map(|(name, _)| PathBuf::from("/dev").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_time_of_a_stage_counts() {
        let mut base = Base::new();
        base.reach_at("network", 1234);
        base.reach_at("network", 5678);
        base.reach_at("../x", 1);
        assert_eq!(base.stages, [Stage { name: "network".into(), at_ms: 1234 }]);
        assert_eq!(stage_line(&base.stages[0]), "stage network at 1.234 s");
    }

    #[test]
    fn number_of_stages_is_bounded() {
        let mut base = Base::new();
        (0..100).for_each(|n| base.reach_at(&format!("s{n}"), 1));
        assert_eq!(base.stages.len(), MAX_STAGES);
    }

    #[test]
    fn hardware_watchdog_comes_first() {
        let at = |place: &str| behind(Path::new(place));
        let soft = ("watchdog0".to_owned(), at("/sys/devices/virtual/watchdog/watchdog0"));
        let hard = ("watchdog1".to_owned(), at("/sys/devices/pci0000:00/0000:00:04.0/watchdog/watchdog1"));
        assert_eq!(best_watchdog(&[]), None);
        assert_eq!(best_watchdog(std::slice::from_ref(&soft)), Some("/dev/watchdog0".into()));
        assert_eq!(best_watchdog(&[soft, hard]), Some("/dev/watchdog1".into()));
    }
}

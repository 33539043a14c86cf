//! Shared by all phases: messages, the boot stages, the watchdogs.
//!
//! All watchdogs are armed and fed together, since it can't be known in advance which of them really resets. QEMU's q35
//! has one that never does (TCO), and its i6300ESB looks in sysfs like the kernel's own. A hardware watchdog still
//! works when the kernel has crashed. The kernel's own runs since long before this program
//! (`softdog.soft_active_on_boot` on the command line), so that a boot that never gets here ends in a
//! reset too: if nothing takes it over, it fires.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use control::{LogLine, Stage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sys::Watchdog;

use crate::voice::Voice;

/// Seconds without feeding after which the watchdog resets the machine.
const TIMEOUT_SECS: i32 = 60;
/// Milliseconds between two feedings.
const FEED_MS: u64 = 10_000;
/// Milliseconds between two looks at a child that works.
const CHILD_LOOK_MS: u64 = 10;
/// Most stages that are kept, and the longest name of one in bytes: `noded` names them.
const MAX_STAGES: usize = 64;
const MAX_STAGE_BYTES: usize = 64;

/// What a child leaves behind: its result, and what it has said.
#[derive(Serialize, Deserialize)]
struct Left<T> {
    result: T,
    said: Vec<LogLine>,
}

/// The common part of all phases.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) voice: Voice,
    pub(crate) stages: Vec<Stage>,
    watchdogs: Vec<Watchdog>,
    fed_ms: u64,
}

impl Base {
    /// Returns a base that is mute and has no watchdogs yet.
    pub(crate) fn new() -> Base {
        Base { voice: Voice::default(), stages: Vec::new(), watchdogs: Vec::new(), fed_ms: 0 }
    }

    /// Says an error, if `result` is one.
    pub(crate) fn say<E: Into<anyhow::Error>>(&mut self, result: Result<(), E>) {
        if let Err(error) = result {
            self.voice.error(&format!("{:#}", error.into()));
        }
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

    /// Arms all watchdogs there are; none is said and survived.
    pub(crate) fn arm_watchdogs(&mut self) {
        for name in list_watchdogs() {
            match Watchdog::arm(&Path::new("/dev").join(name), TIMEOUT_SECS) {
                Ok((watchdog, _)) => self.watchdogs.push(watchdog),
                Err(e) => self.voice.error(&e.to_string()),
            }
        }
        if self.watchdogs.is_empty() {
            self.voice.error("no watchdog found: a hang will not reset the machine");
        }
        self.fed_ms = sys::boot_ms();
    }

    /// Feeds the watchdogs if it is time; returns in how many milliseconds it will be.
    pub(crate) fn feed_watchdogs(&mut self) -> Option<u64> {
        if self.watchdogs.is_empty() {
            return None;
        }
        let now = sys::boot_ms();
        if now.saturating_sub(self.fed_ms) >= FEED_MS {
            self.fed_ms = now;
            for watchdog in &mut self.watchdogs {
                if let Err(e) = watchdog.feed() {
                    self.voice.error(&e.to_string());
                }
            }
        }
        Some((self.fed_ms + FEED_MS).saturating_sub(now))
    }

    /// Does in a copy of this process what may wait for a disk, and waits for it, with the watchdogs fed. What `work`
    /// changes in memory stays in the copy, but for its result and what it says.
    ///
    /// # Errors
    /// When the copy fails, or is not done after `limit_ms`: it may then still wait for a disk, and do its work later.
    pub(crate) fn in_child<T: Serialize + DeserializeOwned>(
        &mut self,
        limit_ms: u64,
        work: impl FnOnce(&mut Base) -> T,
    ) -> anyhow::Result<T> {
        let (mut reader, writer) = sys::pipe()?;
        let child = sys::Copy::start(|| {
            drop(self.voice.take_kept());
            let left = Left { result: work(self), said: Vec::new() };
            let left = Left { said: self.voice.take_kept(), ..left };
            serde_json::to_writer(std::fs::File::from(writer), &left).is_ok()
        })?;
        let end = sys::boot_ms() + limit_ms;
        let mut bytes = Vec::new();
        // Reads what there is; the error is that there is no more yet.
        let mut read = || drop(reader.read_to_end(&mut bytes));
        while child.ended()?.is_none() {
            if sys::boot_ms() >= end {
                // One that has just ended has nothing left to be told.
                drop(child.kill());
                bail!("the disk does not answer: waited {} s", limit_ms / 1000);
            }
            read();
            self.pause(CHILD_LOOK_MS);
        }
        read();
        let left: Left<T> = serde_json::from_slice(&bytes).context("reading what a child left")?;
        self.voice.keep(left.said);
        Ok(left.result)
    }

    /// Waits, with the watchdogs fed.
    pub(crate) fn pause(&mut self, ms: u64) {
        let end = sys::boot_ms() + ms;
        loop {
            self.feed_watchdogs();
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

/// Returns the names of the watchdog devices, in order.
fn list_watchdogs() -> Vec<String> {
    let entries = std::fs::read_dir("/sys/class/watchdog").into_iter().flatten().flatten();
    let mut found: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    found.sort();
    found
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
    fn watchdogs_are_fed_while_a_child_waits() {
        let path = std::env::temp_dir().join(format!("init-base-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let mut base = Base::new();
        let (watchdog, _) = Watchdog::arm(&path, TIMEOUT_SECS).unwrap();
        base.watchdogs.push(watchdog);
        let endless = |_: &mut Base| loop {
            std::thread::sleep(std::time::Duration::from_secs(60));
        };
        let error = base.in_child::<()>(0, endless).unwrap_err().to_string();
        assert!(error.starts_with("the disk does not answer"), "{error}");
        let read = std::fs::read(&path).unwrap();
        let fed = base.in_child(60_000, |base| {
            base.voice.error("said by the child");
            // As long as the parent takes to feed: this is what it must not stop.
            while std::fs::read(&path).unwrap() == read {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            String::from("fed")
        });
        assert_eq!(fed.unwrap(), "fed");
        assert_eq!(base.voice.take_kept()[0].text, "said by the child");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn number_of_stages_is_bounded() {
        let mut base = Base::new();
        (0..100).for_each(|n| base.reach_at(&format!("s{n}"), 1));
        assert_eq!(base.stages.len(), MAX_STAGES);
    }
}

//! Follows a boot: reads stages from the serial log until the node API is up, then from the API.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use api::{Client, Stage};
use vm::Machine;

use crate::hint::hinted;

/// Pause between two reads of the serial log.
const PAUSE: Duration = Duration::from_millis(100);
/// Reads of the serial log between two requests to the node, which is busy booting.
const LOOKS_PER_QUESTION: u32 = 10;
/// Reads of the serial log between two checks whether QEMU has stopped the guest.
const LOOKS_PER_CHECK: u32 = 20;
/// What init prints in front of a stage.
const MARK: &str = "ironhull: stage ";
/// The first line of the firmware's shell.
const FIRMWARE_SHELL: &str = "UEFI Interactive Shell";
/// Number of lines of the serial log shown with a failure.
const TAIL: usize = 15;

/// A boot that is being followed.
#[derive(Debug)]
pub struct Boot<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The node in it.
    pub client: &'a Client,
    /// When it was started.
    pub began: Instant,
    /// When it must be finished.
    pub deadline: Instant,
    /// Set when the user interrupts.
    pub interrupted: &'a AtomicBool,
}

/// What was observed of a boot.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Time from the start of the machine to the start of the kernel, as observed from here.
    pub firmware: Option<Duration>,
    /// Stages in the order in which they were observed.
    pub stages: Vec<Stage>,
}

impl Boot<'_> {
    /// Waits until stage `last` is reached; `told` is called once for each stage.
    pub fn wait_for(&self, last: &str, mut told: impl FnMut(&Seen, &Stage)) -> Result<Seen> {
        let mut seen = Seen::default();
        let mut known = BTreeSet::new();
        for look in 0u32.. {
            for stage in self.look(look.is_multiple_of(LOOKS_PER_QUESTION)) {
                if !known.insert(stage.name.clone()) {
                    continue;
                }
                if seen.firmware.is_none() {
                    let since_kernel = Duration::from_millis(stage.at_ms);
                    seen.firmware = Some(self.began.elapsed().saturating_sub(since_kernel));
                }
                seen.stages.push(stage.clone());
                told(&seen, &stage);
            }
            if known.contains(last) {
                return Ok(seen);
            }
            self.check(last, look.is_multiple_of(LOOKS_PER_CHECK))?;
            std::thread::sleep(PAUSE);
        }
        unreachable!("a look is taken until the deadline")
    }

    /// Returns all stages known now, from the serial log or, if `ask`, from the node.
    fn look(&self, ask: bool) -> Vec<Stage> {
        let text = fs::read(self.serial()).unwrap_or_default();
        let said = stages_of(&String::from_utf8_lossy(&text));
        // The log is faster, but kernel messages may interrupt its lines; the API is reliable.
        match ask && said.iter().any(|s| s.name == "node-api") {
            true => self.client.status().map_or(said, |status| status.stages),
            false => said,
        }
    }

    /// Fails if waiting longer is pointless.
    pub fn check(&self, waiting_for: &str, thoroughly: bool) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(anyhow::anyhow!("interrupted"));
        }
        if self.machine.pid().is_none() {
            return Err(self.failure(&format!("the machine ended before stage {waiting_for}")));
        }
        if thoroughly && self.firmware_gave_up() {
            return Err(self.failure("the firmware found nothing to boot on the disk"));
        }
        if thoroughly && self.machine.is_broken() {
            return Err(self.failure(&format!("QEMU halted the machine before stage {waiting_for}")));
        }
        if Instant::now() >= self.deadline {
            return Err(self.failure(&format!("the time limit passed before stage {waiting_for}")));
        }
        Ok(())
    }

    /// Returns whether the firmware ended in its shell, where it would wait for ever.
    fn firmware_gave_up(&self) -> bool {
        let text = fs::read(self.serial()).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(FIRMWARE_SHELL)
    }

    /// Returns an error with the end of the serial log.
    fn failure(&self, what: &str) -> anyhow::Error {
        let serial = self.serial();
        let text = fs::read(&serial).unwrap_or_default();
        let tail = tail(&String::from_utf8_lossy(&text));
        let tail = if tail.is_empty() { "it is empty".to_owned() } else { format!("its end:\n{tail}") };
        hinted(what, format!("the serial log is {}; {tail}", serial.display()))
    }

    fn serial(&self) -> PathBuf {
        serial_log(self.machine.dir().path())
    }
}

/// Returns the serial log of a machine.
pub fn serial_log(dir: &Path) -> PathBuf {
    dir.join("serial.log")
}

/// Finds the stages that init printed on the console.
fn stages_of(log: &str) -> Vec<Stage> {
    log.lines().filter_map(stage_of).collect()
}

/// Parses `… ironhull: stage NAME at 1.234 s`.
fn stage_of(line: &str) -> Option<Stage> {
    let (_, rest) = line.split_once(MARK)?;
    let (name, rest) = rest.split_once(" at ")?;
    let (secs, millis) = rest.trim_end().strip_suffix(" s")?.split_once('.')?;
    let whole = millis.len() == 3 && !name.contains(' ');
    let at_ms = secs.trim().parse::<u64>().ok()?.checked_mul(1000)?.checked_add(millis.parse().ok()?)?;
    whole.then(|| Stage { name: name.to_owned(), at_ms })
}

/// Returns the last lines of a log, without control sequences.
fn tail(log: &str) -> String {
    let lines: Vec<String> = log.lines().map(plain).filter(|l| !l.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    last.iter().map(|l| format!("  {l}")).collect::<Vec<_>>().join("\n")
}

/// Returns a line without control characters and `ESC [ … letter` sequences.
fn plain(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    let text = parts.fold(first, |text, part| {
        text + part.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).get(1..).unwrap_or_default()
    });
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_found_among_other_lines() {
        let log = "BdsDxe: starting\r\n\x1b[2Jironhull: stage init at 1.234 s\r\n[ 2.0] ironhull: stage root at 12.001 s\n\
                   ironhull: stage torn at 1\nironhull: stage a b at 1.000 s\n";
        let found: Vec<(String, u64)> = stages_of(log).into_iter().map(|s| (s.name, s.at_ms)).collect();
        assert_eq!(found, [("init".to_owned(), 1234), ("root".to_owned(), 12_001)]);
    }

    #[test]
    fn the_tail_is_short_and_plain() {
        let log: String = (0..50).map(|i| format!("\x1b[31mline {i}\r\n\n")).collect();
        let tail = tail(&log);
        assert_eq!(tail.lines().count(), TAIL);
        assert!(tail.ends_with("\n  line 49"), "{tail}");
        assert_eq!(plain("\x1b[31;01HPress \x1b[1m\x1b[37mESC\x1b[0m to\x07 \x1b["), "Press ESC to ");
    }
}

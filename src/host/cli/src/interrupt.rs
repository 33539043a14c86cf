//! A build that is terminated also terminates its tools: otherwise a compiler would continue for minutes.
//!
//! A terminal sends Ctrl-C to all of them; `kill` reaches only this process. Their unfinished results are in
//! the cache's temporary directory, which the next build clears.
//!
//! A signal that was ignored when this process started stays ignored: `nohup` and background jobs of shell
//! scripts start processes like that, so that they continue when the terminal closes.

use std::fs;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::output;

/// While it exists, SIGINT, SIGTERM and SIGHUP end the tools of this process and then the process itself,
/// except for signals that were ignored from the start.
#[derive(Debug)]
pub struct Guard {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Guard {
    /// Begins to watch for the signals.
    ///
    /// # Errors
    /// If the signal handlers can't be installed; the signals then end only this process.
    pub fn new() -> Result<Guard> {
        let mut signals = Signals::new(heeded(&[SIGINT, SIGTERM, SIGHUP])).context("handling signals")?;
        let handle = signals.handle();
        let thread = std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                output::tell(
                    "interrupted: completed parts stay in the cache, and the next build resumes there",
                );
                end_descendants();
                // Does not return: the default action of all three signals is to terminate.
                drop(signal_hook::low_level::emulate_default_handler(signal));
            }
        });
        Ok(Guard { handle, thread: Some(thread) })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.handle.close();
        // The thread only waits, so it has no result.
        self.thread.take().map(JoinHandle::join);
    }
}

/// Returns those of `signals` that this process does not ignore. Must be called before handlers are
/// installed.
pub fn heeded(signals: &[i32]) -> Vec<i32> {
    // Without /proc, none counts as ignored, as in most programs.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored_in(&status);
    signals.iter().copied().filter(|signal| ignored >> (signal - 1) & 1 == 0).collect()
}

/// Returns the set of ignored signals in a `/proc/PID/status`: signal 1 is the lowest bit.
fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Ends all descendants of this process.
fn end_descendants() {
    for pid in descendants(std::process::id(), &parents()) {
        // A process that has ended meanwhile needs no signal.
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }
}

/// Returns all processes and their parents, from `/proc`.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    let stat = |pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    pids.filter_map(|pid| Some((pid, parent_of(&stat(pid)?)?))).collect()
}

/// Returns the parent in a line of `/proc/PID/stat`. The name in parentheses may contain anything, including
/// parentheses.
fn parent_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Returns the descendants of `root`.
fn descendants(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(parents.iter().filter(|(pid, of)| *of == parent && *pid != root).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_children_of_children_and_nobody_else() {
        let parents = [(1, 0), (10, 1), (11, 10), (12, 11), (13, 10), (20, 1), (21, 20)];
        assert_eq!(descendants(10, &parents), [11, 13, 12]);
        assert_eq!(descendants(12, &parents), [0; 0]);
    }

    #[test]
    fn reads_the_parent_whatever_the_name() {
        assert_eq!(parent_of("7 (a) S) R 5 7 7 0"), Some(5));
        assert_eq!(parent_of("7 (x"), None);
        assert!(parents().iter().any(|(pid, _)| *pid == std::process::id()));
    }

    #[test]
    fn reads_which_signals_are_ignored() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001003\nSigCgt:\t0\n";
        assert_eq!(ignored_in(status), 1 << (SIGHUP - 1) | 1 << (SIGINT - 1) | 1 << 12);
        assert_eq!(ignored_in(""), 0);
        assert_eq!(heeded(&[SIGTERM]), [SIGTERM]);
    }

    #[test]
    fn closes_when_nothing_happened() {
        drop(Guard::new().unwrap());
    }
}

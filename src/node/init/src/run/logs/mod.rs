//! The output of services: one pipe each, into a ring in memory and portions for a file on the data partition.
//!
//! Both ends of the pipe stay open here as long as the service is known, over its restarts, so that
//! children which outlive it (a delegated group) can go on writing.

mod file;
mod lines;
mod ring;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use control::LogLine;
use sys::{Interest, Poll, SysError};

use super::token::Token;
use crate::disk::Portion;
use file::Gathered;
use lines::Lines;
use ring::Ring;

/// Name of the log of PID 1 itself.
pub(super) const INIT: &str = "init";
/// Bytes taken from a pipe in one turn: one that never ends must not starve the rest.
const TURN_BYTES: usize = 16 << 10;

/// All logs, by service.
#[derive(Debug)]
pub(super) struct Logs {
    logs: BTreeMap<String, Log>,
    next_id: u32,
    /// Lines that are to be written now.
    ready: Vec<Portion>,
}

/// One log.
#[derive(Debug)]
struct Log {
    id: u32,
    pipe: Option<(File, OwnedFd)>,
    lines: Lines,
    ring: Ring,
    gathered: Gathered,
}

impl Logs {
    /// Returns the logs of a machine without services: that of PID 1.
    pub(super) fn new() -> Logs {
        let mut logs = Logs { logs: BTreeMap::new(), next_id: 0, ready: Vec::new() };
        logs.entry(INIT);
        logs
    }

    fn entry(&mut self, service: &str) -> &mut Log {
        let id = self.next_id;
        self.logs.entry(service.to_owned()).or_insert_with(|| {
            self.next_id = id.wrapping_add(1);
            let (lines, ring) = (Lines::default(), Ring::default());
            Log { id, pipe: None, lines, ring, gathered: Gathered::default() }
        })
    }

    /// Returns where the output of a service goes, making the pipe if it has none.
    pub(super) fn output(&mut self, service: &str, poll: &Poll) -> Result<BorrowedFd<'_>, SysError> {
        let log = self.entry(service);
        let pipe = match log.pipe.take() {
            Some(pipe) => pipe,
            None => {
                let (reader, writer) = sys::pipe()?;
                poll.add(&reader, Token::Log(log.id).to_number(), Interest::Read)?;
                (reader, writer)
            }
        };
        Ok(log.pipe.insert(pipe).1.as_fd())
    }

    /// Reads the pipe with this number; returns the service and its new lines.
    pub(super) fn read(&mut self, id: u32) -> Option<(String, Vec<LogLine>)> {
        let (name, log) = self.logs.iter_mut().find(|(_, log)| log.id == id)?;
        let mut buffer = [0; TURN_BYTES];
        let n = log.pipe.as_mut()?.0.read(&mut buffer).ok()?;
        let texts = log.lines.push(buffer.get(..n)?);
        let at_ms = sys::boot_ms();
        Some((name.clone(), texts.into_iter().map(|text| LogLine { at_ms, text }).collect()))
    }

    /// Keeps lines.
    pub(super) fn keep(&mut self, service: &str, lines: Vec<LogLine>) {
        let now = sys::boot_ms();
        let log = self.entry(service);
        let mut ready = Vec::new();
        for line in lines {
            if log.gathered.push(&line.text, now) {
                ready.extend(log.gathered.take(service));
            }
            log.ring.push(line);
        }
        self.ready.append(&mut ready);
    }

    /// Returns the last lines of a log; `None` if there is none of that name.
    pub(super) fn last(&self, service: &str, count: usize) -> Option<Vec<LogLine>> {
        self.logs.get(service).map(|log| log.ring.last(count))
    }

    /// Returns a copy of all logs as far as they are in memory, by name.
    pub(super) fn all(&self) -> Vec<(String, Vec<LogLine>)> {
        self.logs.iter().map(|(name, log)| (name.clone(), log.ring.last(usize::MAX))).collect()
    }

    /// Drops the log of a service that is no more; its file stays.
    pub(super) fn forget(&mut self, service: &str) {
        let gathered = self.logs.remove(service).and_then(|mut log| log.gathered.take(service));
        self.ready.extend(gathered);
    }

    /// Returns when lines are due to be written.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.logs.values().filter_map(|log| log.gathered.due_ms).min()
    }

    /// Takes the lines that are to be written at `now`; with `u64::MAX` all.
    pub(super) fn take_due(&mut self, now: u64) -> Vec<Portion> {
        let due = self.logs.iter_mut().filter(|(_, log)| log.gathered.due_ms.is_some_and(|at| at <= now));
        let due = due.filter_map(|(name, log)| log.gathered.take(name));
        self.ready.extend(due);
        std::mem::take(&mut self.ready)
    }
}

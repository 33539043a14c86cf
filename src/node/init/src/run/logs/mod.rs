//! The output of services: one pipe each, into a ring in memory and a file on the data partition.
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
use file::LogFile;
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
    closed: bool,
}

/// One log.
#[derive(Debug)]
struct Log {
    id: u32,
    pipe: Option<(File, OwnedFd)>,
    lines: Lines,
    ring: Ring,
    file: LogFile,
}

impl Logs {
    /// Returns the logs of a machine without services: that of PID 1.
    pub(super) fn new() -> Logs {
        // Without the directory there are no files; the rings still are.
        drop(std::fs::create_dir_all(file::DIRECTORY));
        let mut logs = Logs { logs: BTreeMap::new(), next_id: 0, closed: false };
        logs.entry(INIT);
        logs
    }

    fn entry(&mut self, service: &str) -> &mut Log {
        let id = self.next_id;
        self.logs.entry(service.to_owned()).or_insert_with(|| {
            self.next_id = id.wrapping_add(1);
            let (lines, ring) = (Lines::default(), Ring::default());
            Log { id, pipe: None, lines, ring, file: LogFile::of(service) }
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
        let closed = self.closed;
        let log = self.entry(service);
        for line in lines {
            if !closed {
                log.file.push(&line.text, sys::boot_ms());
            }
            log.ring.push(line);
        }
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
        if let Some(mut log) = self.logs.remove(service) {
            log.file.flush();
        }
    }

    /// Returns when lines are due to be written.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.logs.values().filter_map(|log| log.file.due_ms).min()
    }

    /// Writes the lines that are due.
    pub(super) fn flush_due(&mut self, now: u64) {
        for log in self.logs.values_mut().filter(|log| log.file.due_ms.is_some_and(|at| at <= now)) {
            log.file.flush();
        }
    }

    /// Writes everything and closes all files for good: the disk is about to be unmounted.
    pub(super) fn close(&mut self) {
        self.closed = true;
        for (name, log) in &mut self.logs {
            log.file.flush();
            log.file = LogFile::of(name);
        }
    }
}

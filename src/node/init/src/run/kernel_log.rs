//! The kernel's messages, read from `/dev/kmsg` on request.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use control::LogLine;
use sys::{Interest, Poll};

use super::token::Token;

/// Name of this log.
pub(super) const KERNEL: &str = "kernel";
/// Where it is read.
const PATH: &str = "/dev/kmsg";
/// `O_NONBLOCK`.
const OPEN_FLAGS: i32 = 0o4000;
/// Longest record that the kernel gives.
const RECORD_BYTES: usize = 8 << 10;
/// Bytes of text in one reply.
const REPLY_BYTES: usize = 1 << 20;
/// Records read for one reply: the kernel may write them faster than they are read.
const MAX_RECORDS: usize = 100_000;
/// Records taken in one turn by followers.
const BATCH: usize = 64;

/// The open log, while a client follows it.
#[derive(Debug, Default)]
pub(super) struct KernelLog {
    file: Option<File>,
}

impl KernelLog {
    /// Returns the last `count` messages; with `follow` the later ones come by [`KernelLog::take_new`].
    pub(super) fn last(&mut self, count: usize, follow: Option<&Poll>) -> anyhow::Result<Vec<LogLine>> {
        let mut file = open()?;
        let lines = read_last(&mut file, count);
        if let Some(poll) = follow.filter(|_| self.file.is_none()) {
            poll.add(&file, Token::KernelLog.to_number(), Interest::Read)?;
            self.file = Some(file);
        }
        Ok(lines)
    }

    /// Takes messages that came since the last time, while the log is followed.
    pub(super) fn take_new(&mut self) -> Vec<LogLine> {
        let Some(file) = &mut self.file else { return Vec::new() };
        std::iter::from_fn(|| read_line(file)).take(BATCH).collect()
    }

    /// Closes the log: no client follows it any more.
    pub(super) fn rest(&mut self) {
        self.file = None;
    }
}

/// Opens the log at its oldest message.
fn open() -> anyhow::Result<File> {
    let opened = File::options().read(true).custom_flags(OPEN_FLAGS).open(PATH);
    opened.with_context(|| format!("opening {PATH}"))
}

/// Reads to the end; returns the last messages, within their bound.
fn read_last(file: &mut File, count: usize) -> Vec<LogLine> {
    let (mut lines, mut bytes) = (VecDeque::new(), 0);
    for line in std::iter::from_fn(|| read_line(file)).take(MAX_RECORDS) {
        bytes += line.text.len();
        lines.push_back(line);
        while lines.len() > count || bytes > REPLY_BYTES {
            bytes -= lines.pop_front().map_or(bytes, |l: LogLine| l.text.len());
        }
    }
    lines.into()
}

/// Reads the next message; `None` when there is none.
fn read_line(file: &mut File) -> Option<LogLine> {
    let mut record = [0; RECORD_BYTES];
    loop {
        match file.read(&mut record) {
            Ok(n) => return parse(&String::from_utf8_lossy(record.get(..n)?)),
            // EPIPE: records were overwritten before they were read; the next one is the oldest left.
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted) => {}
            Err(_) => return None,
        }
    }
}

/// Parses a record: `priority,sequence,microseconds,flags;text`, then lines of further facts.
fn parse(record: &str) -> Option<LogLine> {
    let (head, text) = record.split_once(';')?;
    let micros: u64 = head.split(',').nth(2)?.parse().ok()?;
    Some(LogLine { at_ms: micros / 1000, text: text.lines().next().unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_has_time_and_text() {
        let line = parse("6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n").unwrap();
        assert_eq!(line, LogLine { at_ms: 5140, text: "NET: Registered".into() });
        assert_eq!(parse("nonsense"), None);
    }
}

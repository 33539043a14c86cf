//! The kernel's messages, read from `/dev/kmsg` on request.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use control::LogLine;
use sys::Interest;

use super::Runner;
use super::answer::KERNEL;
use super::token::Token;

/// `O_NONBLOCK`.
const OPEN_FLAGS: i32 = 0o4000;
/// Longest record that the kernel gives.
const RECORD_BYTES: usize = 8 << 10;
/// Bytes of text in one reply.
const REPLY_BYTES: usize = 1 << 20;
/// Records taken in one turn by followers.
const BATCH: usize = 64;

/// The open log, while a client follows it.
#[derive(Debug, Default)]
pub(super) struct KernelLog {
    file: Option<File>,
}

impl Runner<'_> {
    /// Returns the last messages; with `follow` the later ones come as they are written.
    pub(super) fn kernel_lines(&mut self, count: usize, follow: bool) -> Vec<LogLine> {
        let opened = File::options().read(true).custom_flags(OPEN_FLAGS).open("/dev/kmsg");
        let Some(mut file) = self.said(opened) else { return Vec::new() };
        let (mut lines, mut bytes) = (VecDeque::new(), 0);
        while let Some(line) = read_line(&mut file) {
            bytes += line.text.len();
            lines.push_back(line);
            while lines.len() > count || bytes > REPLY_BYTES {
                bytes -= lines.pop_front().map_or(bytes, |l: LogLine| l.text.len());
            }
        }
        if follow && self.kernel_log.file.is_none() {
            let added = self.poll.add(&file, Token::KernelLog.to_number(), Interest::Read);
            self.say_error(added);
            self.kernel_log.file = Some(file);
        }
        lines.into()
    }

    /// Shows new messages to those who follow.
    pub(super) fn on_kernel_log(&mut self) {
        let Some(file) = &mut self.kernel_log.file else { return };
        let lines: Vec<LogLine> = std::iter::from_fn(|| read_line(file)).take(BATCH).collect();
        self.show_followers(KERNEL, &lines);
    }

    /// Closes the log when no client follows it.
    pub(super) fn rest_kernel_log(&mut self) {
        if !self.is_followed(KERNEL) {
            self.kernel_log.file = None;
        }
    }
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

//! The last lines of a log, in memory.

use std::collections::VecDeque;

use control::LogLine;

/// Bytes of text that one ring keeps. A dozen services stay within a megabyte; files hold the rest.
const MAX_BYTES: usize = 64 << 10;
/// Counted for each line beside its text.
const LINE_BYTES: usize = 32;

/// The last lines.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

impl Ring {
    /// Adds a line; the oldest ones make room.
    pub(crate) fn push(&mut self, line: LogLine) {
        self.bytes += line.text.len() + LINE_BYTES;
        self.lines.push_back(line);
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.text.len() + LINE_BYTES);
        }
    }

    /// Returns the last `count` lines, oldest first.
    pub(crate) fn last(&self, count: usize) -> Vec<LogLine> {
        let skipped = self.lines.len().saturating_sub(count);
        self.lines.iter().skip(skipped).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize, length: usize) -> LogLine {
        LogLine { at_ms: n as u64, text: "x".repeat(length) }
    }

    #[test]
    fn keeps_the_last_lines_within_its_bound() {
        let mut ring = Ring::default();
        (0..10_000).for_each(|n| ring.push(line(n, 100)));
        let kept = ring.last(usize::MAX);
        assert_eq!(kept.len(), MAX_BYTES / 132);
        assert_eq!(kept.last().unwrap().at_ms, 9999);
        assert_eq!(ring.last(2).iter().map(|l| l.at_ms).collect::<Vec<_>>(), [9998, 9999]);
    }

    #[test]
    fn empty_lines_count_too() {
        let mut ring = Ring::default();
        (0..10_000).for_each(|n| ring.push(line(n, 0)));
        assert_eq!(ring.last(usize::MAX).len(), MAX_BYTES / LINE_BYTES);
    }
}

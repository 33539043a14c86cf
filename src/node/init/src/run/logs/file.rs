//! Lines on their way to the file of a log: `NAME.log`, and `NAME.log.1` when that was full.
//!
//! They are gathered and written at most once a second, so that an idle node writes little. Another process writes
//! them ([`crate::disk`]). On a full disk lines are lost, but the service is never blocked: its output is still read.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::disk::Portion;

/// Gathered bytes that are written at once.
const MAX_BUFFER_BYTES: usize = 16 << 10;
/// Milliseconds that a line waits at most to be written.
const FLUSH_MS: u64 = 1_000;

/// The lines of a log that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    text: String,
    lines: u64,
    /// When they are due.
    pub(super) due_ms: Option<u64>,
}

impl Gathered {
    /// Adds a line; returns whether there are enough to be written.
    pub(super) fn push(&mut self, line: &str, now_ms: u64) -> bool {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.text.push_str(&format!("{} {line}\n", timestamp(wall.as_millis())));
        self.lines += 1;
        self.due_ms.get_or_insert(now_ms + FLUSH_MS);
        self.text.len() >= MAX_BUFFER_BYTES
    }

    /// Takes what was gathered, if anything was.
    pub(super) fn take(&mut self, log: &str) -> Option<Portion> {
        let Gathered { text, lines, .. } = std::mem::take(self);
        (lines > 0).then(|| Portion { log: log.to_owned(), text, lines })
    }
}

/// Returns milliseconds since 1970 as UTC time: `2026-11-21T08:00:00.123Z`.
fn timestamp(ms: u128) -> String {
    let secs = calendar::utc(u64::try_from(ms / 1000).unwrap_or(u64::MAX));
    format!("{}.{:03}Z", secs.trim_end_matches('Z'), ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_248_000_123, "2026-11-21T08:00:00.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (ms, text) in cases {
            assert_eq!(timestamp(ms), text);
        }
    }

    #[test]
    fn lines_are_gathered_until_they_are_many_or_old() {
        let mut gathered = Gathered::default();
        assert_eq!(gathered.take("x"), None);
        assert!(!gathered.push("one", 5) && !gathered.push("two", 70));
        assert_eq!(gathered.due_ms, Some(1005));
        let portion = gathered.take("x").unwrap();
        assert_eq!((portion.log.as_str(), portion.lines, portion.text.lines().count()), ("x", 2, 2));
        assert!(portion.text.ends_with("Z two\n"), "{}", portion.text);
        assert_eq!(gathered.due_ms, None);
        assert!(gathered.push(&"y".repeat(MAX_BUFFER_BYTES), 0));
    }
}

//! Keeps the first and the last lines of an output of any length. Pure.

use std::collections::VecDeque;

/// Lines kept from the begin and from the end, and characters of each.
const FIRST: usize = 20;
const LAST: usize = 10;
const MAX_CHARS: usize = 200;
/// Bytes of a line that are looked at: a character has four at most.
const MAX_BYTES: usize = 4 * MAX_CHARS;

/// The lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    first: Vec<String>,
    last: VecDeque<String>,
    left_out: u64,
    /// The begin of the line that has no end yet.
    open: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes of the output.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
            let room = MAX_BYTES.saturating_sub(self.open.len()).min(piece.len());
            self.open.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") || piece.ends_with(b"\r") {
                self.end_line();
            }
        }
    }

    /// Returns what was kept, with a line that says how many are missing.
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.end_line();
        let left_out = (self.left_out > 0).then(|| format!("… {} lines …", self.left_out));
        self.first.into_iter().chain(left_out).chain(self.last).collect()
    }

    fn end_line(&mut self) {
        let open = std::mem::take(&mut self.open);
        let line: String = String::from_utf8_lossy(&open).trim().chars().take(MAX_CHARS).collect();
        if line.is_empty() {
            return;
        }
        if self.first.len() < FIRST {
            return self.first.push(line);
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_output_is_kept_whole() {
        let mut lines = Lines::default();
        for piece in [b"a".as_slice(), b"b\n\n  c  \r", b"d\xff"] {
            lines.take(piece);
        }
        assert_eq!(lines.finish(), ["ab", "c", "d\u{fffd}"]);
        assert_eq!(Lines::default().finish(), Vec::<String>::new());
    }

    #[test]
    fn of_a_long_one_begin_and_end_are_kept() {
        let mut lines = Lines::default();
        for n in 0..1_000_000 {
            lines.take(format!("line {n}\n").as_bytes());
        }
        lines.take(&[b'x'; 1 << 20]);
        let kept = lines.finish();
        assert_eq!(kept.len(), FIRST + 1 + LAST);
        assert_eq!((kept[19].as_str(), kept[20].as_str()), ("line 19", "… 999971 lines …"));
        assert_eq!((kept[29].as_str(), kept[30].len()), ("line 999999", MAX_CHARS));
    }
}

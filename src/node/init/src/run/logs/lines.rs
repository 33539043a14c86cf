//! From bytes of a pipe to lines.

/// Longest line; the rest of a longer one becomes the next line.
const MAX_LINE_BYTES: usize = 16 << 10;

/// Cuts what comes in pieces into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes a piece, returns the lines that are complete with it. Bytes that are no UTF-8 are replaced,
    /// a carriage return before the line end is dropped.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in piece.split_inclusive(|b| *b == b'\n') {
            self.rest.extend_from_slice(part);
            while self.rest.len() > MAX_LINE_BYTES {
                let tail = self.rest.split_off(MAX_LINE_BYTES);
                lines.push(text(&self.rest));
                self.rest = tail;
            }
            if self.rest.last() == Some(&b'\n') {
                lines.push(text(&self.rest));
                self.rest.clear();
            }
        }
        // A long line is rare; its memory is given back.
        if self.rest.is_empty() && self.rest.capacity() > 1024 {
            self.rest = Vec::new();
        }
        lines
    }
}

/// Returns the text without its line end.
fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"on"), [""; 0]);
        assert_eq!(lines.push(b"e\r\ntwo\n\nthr"), ["one", "two", ""]);
        assert_eq!(lines.push(b"ee\n"), ["three"]);
    }

    #[test]
    fn endless_lines_are_cut() {
        let mut lines = Lines::default();
        let cut = lines.push(&[b'x'; MAX_LINE_BYTES * 2 + 5]);
        assert_eq!(cut.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE_BYTES; 2]);
        assert_eq!(lines.push(b"\n"), ["xxxxx"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(Lines::default().push(b"a\xffb\n"), ["a\u{fffd}b"]);
    }
}

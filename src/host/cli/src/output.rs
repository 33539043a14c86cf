//! Results on standard output as JSON or text, messages on standard error. A broken pipe is no error.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::{Value, json};

/// Prints a result: as JSON if requested, otherwise as the text that `text` returns.
pub fn result<T: Serialize>(json: bool, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
    match json {
        true => print(&(serde_json::to_string_pretty(value)? + "\n")),
        false => print(&printable(&text(value))),
    }
}

/// Escapes control characters and characters that change the writing direction, as in a Rust string, so that
/// names in an image, a bundle or a node can't affect the terminal.
pub fn printable(text: &str) -> Cow<'_, str> {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || turns(c);
    if !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match bad(c) {
            true => plain.extend(c.escape_debug()),
            false => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// Prints a result of a command that has written to `file`: on standard error if the file is standard output,
/// since whoever reads that expects only the file.
pub fn result_beside<T: Serialize>(
    file: &Path,
    json: bool,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<()> {
    let identity = |path: &Path| std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    match identity(file) {
        Some(id) if Some(id) == identity(Path::new("/proc/self/fd/1")) => {
            tell(text(value).trim_end());
            Ok(())
        }
        _ => result(json, value, text),
    }
}

/// Prints a text.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing to standard output")
}

/// Returns a path as JSON: a string, or `{"bytes": HEX}` if it is not UTF-8. Serde would fail on such a path,
/// and a string with replacement characters would name another file.
pub fn path(path: &Path) -> Value {
    path.to_str()
        .map_or_else(|| json!({ "bytes": HEXLOWER.encode(path.as_os_str().as_bytes()) }), Value::from)
}

/// Prints a line on standard error. A closed or broken standard error is not a failure.
pub fn tell(line: &str) {
    drop(writeln!(io::stderr(), "{}", printable(line)));
}

/// Returns whether `error` is a broken pipe.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &io::Error| e.kind() == ErrorKind::BrokenPipe;
    // Only our own output counts: a lost network connection is wrapped in other types of errors.
    error.downcast_ref::<io::Error>().is_some_and(broken)
}

/// Formats rows as columns, separated by two spaces.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(t, w)| format!("{t:w$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Formats a length in bytes for display.
pub fn bytes(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.iter().find(|(_, shift)| bytes >> shift > 0);
    let Some((unit, shift)) = unit else { return format!("{bytes} B") };
    let tenths = (u128::from(bytes) * 10) >> shift;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pipe_is_known_under_its_context() {
        let failed = |kind| Err::<(), _>(io::Error::from(kind)).context("writing to standard output");
        assert!(is_broken_pipe(&failed(ErrorKind::BrokenPipe).unwrap_err()));
        assert!(!is_broken_pipe(&failed(ErrorKind::StorageFull).unwrap_err()));
    }

    #[test]
    fn a_path_is_a_string_or_its_bytes() {
        use std::ffi::OsStr;
        assert_eq!(path(Path::new("a b/ü")), json!("a b/ü"));
        assert_eq!(path(Path::new(OsStr::from_bytes(b"out\xff"))), json!({ "bytes": "6f7574ff" }));
    }

    #[test]
    fn nothing_but_text_reaches_the_terminal() {
        assert_eq!(printable("a\n\té"), "a\n\té");
        assert_eq!(printable("\u{1b}[31m\r\u{9b}\u{202e}\0"), r"\u{1b}[31m\r\u{9b}\u{202e}\0");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(table(&[row("a", "1"), row("bbb", "2"), row("c", "")]), "a    1\nbbb  2\nc\n");
    }

    #[test]
    fn lengths_have_one_decimal() {
        let cases = [(5, "5 B"), (1536, "1.5 KiB"), (1 << 20, "1.0 MiB"), (u64::MAX, "17179869183.9 GiB")];
        for (n, text) in cases {
            assert_eq!(bytes(n), text);
        }
    }
}

//! Errors with a position: file, line, column, the line itself and a caret.
//!
//! The line is copied when the error is created, so that the text need not be kept. A line of a private key is never
//! printed, and a very long line only around the caret.

use std::fmt;

use serde::Serialize;

/// Maximum number of listed errors; further ones are counted.
const MAX_LISTED: usize = 100;
/// Maximum number of characters quoted from a line.
const MAX_SHOWN: usize = 120;
/// Printed instead of a line that belongs to a private key.
const REDACTED: &str = "<redacted>";

/// A part of one line; line and column are counted from 1, the width is in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
    pub width: usize,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What is wrong; begins with the key, if there is one: `spec.api.port: expected …`.
    pub message: String,
    /// Line number, from 1; 0 if the error is about the text as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 if the error is about the text as a whole.
    pub column: usize,
    /// The remedy.
    pub hint: Option<String>,
    /// The quoted part of the line.
    #[serde(skip)]
    shown: Option<Shown>,
}

/// The quoted part of a line, and the position of the carets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    text: String,
    offset: usize,
    width: usize,
}

/// All errors of one text. `Display` lists them as a compiler does, separated by empty lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    /// The caller's name for the text, usually its path.
    pub label: String,
    /// The errors, sorted by line; never empty.
    pub errors: Vec<Diagnostic>,
    /// Number of errors that are not listed.
    pub unlisted: usize,
}

impl Diagnostics {
    /// Returns an error about a text as a whole, for failures before it can be parsed.
    #[must_use]
    pub fn whole(label: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        let hint = hint.map(str::to_owned);
        let error = Diagnostic { message: message.into(), line: 0, column: 0, hint, shown: None };
        Diagnostics { label: label.to_owned(), errors: vec![error], unlisted: 0 }
    }

    /// Sorts `errors` by position and keeps the first [`MAX_LISTED`].
    pub(crate) fn new(label: &str, mut errors: Vec<Diagnostic>) -> Self {
        errors.sort_by_key(|e| (e.line, e.column));
        let unlisted = errors.len().saturating_sub(MAX_LISTED);
        errors.truncate(MAX_LISTED);
        Diagnostics { label: label.to_owned(), errors, unlisted }
    }
}

impl std::error::Error for Diagnostics {}

/// The text that the errors refer to.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    lines: Vec<&'a str>,
    /// For each line, whether it belongs to a private key.
    secret: Vec<bool>,
}

impl<'a> Source<'a> {
    pub fn new(text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut inside = false;
        let mut secret = Vec::with_capacity(lines.len());
        for line in &lines {
            let named = line.contains("PRIVATE KEY");
            secret.push(named || inside);
            inside = if named { line.contains("BEGIN") && !line.contains("END ") } else { inside };
        }
        Source { lines, secret }
    }

    /// Makes an error at `place`.
    pub fn error(&self, place: Place, message: String, hint: Option<String>) -> Diagnostic {
        Diagnostic { message, line: place.line, column: place.column, hint, shown: self.shown(place, false) }
    }

    /// Makes an error at `place` without quoting the line, which contains a secret.
    pub fn secret_error(&self, place: Place, message: String, hint: Option<String>) -> Diagnostic {
        Diagnostic { message, line: place.line, column: place.column, hint, shown: self.shown(place, true) }
    }

    /// Returns the quoted part of the line at `place`.
    fn shown(&self, place: Place, secret: bool) -> Option<Shown> {
        let index = place.line.checked_sub(1)?;
        let line = self.lines.get(index)?;
        if secret || self.secret[index] {
            return Some(Shown { text: REDACTED.to_owned(), offset: 0, width: REDACTED.len() });
        }
        let start = place.column.saturating_sub(1);
        let skip = if start + place.width > MAX_SHOWN { start.saturating_sub(MAX_SHOWN / 3) } else { 0 };
        let text: String = line.chars().skip(skip).take(MAX_SHOWN).map(printable).collect();
        let offset = (start - skip).min(text.chars().count());
        let width = place.width.clamp(1, (text.chars().count() - offset).max(1));
        Some(Shown { text, offset, width })
    }
}

/// Replaces characters that would move a terminal's cursor or change its colours.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.write("error", &self.label, f)?;
        }
        if self.unlisted > 0 {
            write!(f, "\nerror: {} more errors in {}\n", self.unlisted, self.label)?;
        }
        Ok(())
    }
}

impl Diagnostic {
    /// Returns the text of a warning, as [`Diagnostics`] shows an error.
    pub(crate) fn as_warning(&self, label: &str) -> String {
        struct Shown<'a>(&'a Diagnostic, &'a str);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write("warning", self.1, f)
            }
        }
        Shown(self, label).to_string()
    }

    /// Writes it as several lines.
    fn write(&self, kind: &str, label: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{kind}: {}", self.message)?;
        let digits = self.line.to_string().len();
        let (line, empty) = (self.line, "");
        if line == 0 {
            writeln!(f, " --> {label}")?;
        } else {
            writeln!(f, "{empty:digits$}--> {label}:{line}:{}", self.column)?;
        }
        if let Some(shown) = &self.shown {
            writeln!(f, "{empty:digits$} |\n{line} | {}", shown.text)?;
            let (offset, width) = (shown.offset, shown.width);
            writeln!(f, "{empty:digits$} | {empty:offset$}{empty:^>width$}")?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "{empty:digits$} = hint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str, place: (usize, usize, usize)) -> String {
        let place = Place { line: place.0, column: place.1, width: place.2 };
        let error = Source::new(text).error(place, "it is wrong".into(), Some("mend it".into()));
        Diagnostics::new("a.yaml", vec![error]).to_string()
    }

    #[test]
    fn points_at_the_place() {
        let expected =
            "error: it is wrong\n --> a.yaml:2:4\n  |\n2 | b: cde\n  |    ^^^\n  = hint: mend it\n";
        assert_eq!(show("a: b\nb: cde\n", (2, 4, 3)), expected);
    }

    #[test]
    fn cuts_long_lines_and_control_characters() {
        let shown = show(&format!("{}\u{1b}[31mXY{}", "a".repeat(5000), "b".repeat(5000)), (1, 5006, 2));
        assert!(shown.lines().all(|l| l.chars().count() < 150), "{shown}");
        assert!(!shown.contains('\u{1b}'));
        let line = shown.lines().nth(3).unwrap();
        let carets = shown.lines().nth(4).unwrap();
        let marked: String =
            line.chars().zip(carets.chars()).filter(|(_, c)| *c == '^').map(|(l, _)| l).collect();
        assert_eq!(marked, "XY");
    }

    #[test]
    fn never_shows_a_private_key() {
        let text =
            "key: |\n  -----BEGIN PRIVATE KEY-----\n  c2VjcmV0\n  -----END PRIVATE KEY-----\nname: x\n";
        for line in 2..=4 {
            assert!(show(text, (line, 3, 5)).contains(REDACTED), "line {line}");
        }
        assert!(show(text, (5, 1, 4)).contains("name: x"));
    }

    #[test]
    fn places_outside_the_text_are_harmless() {
        for place in [(0, 0, 0), (9, 9, 9), (1, 900, 5), (1, 1, usize::MAX / 2)] {
            show("abc", place);
        }
    }
}

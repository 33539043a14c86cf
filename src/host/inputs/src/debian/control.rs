//! Debian control files: stanzas of `Name: value` fields, whose values continue on lines that start with a
//! space. Used for package indexes, release files, `.sources` and our own lock.

use crate::error::{Error, Result};

/// One stanza: its fields in order, as slices of the text.
#[derive(Debug, Default)]
pub(crate) struct Stanza<'a> {
    /// Line number of the first field, from 1.
    pub(crate) line: usize,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Stanza<'a> {
    /// Returns a field's value; the case of the name does not matter. Continuation lines keep their line
    /// breaks.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v)
    }

    /// Returns a required field.
    pub(crate) fn need(&self, file: &str, name: &str) -> Result<&'a str> {
        self.get(name).ok_or_else(|| Error::Syntax {
            file: file.to_owned(),
            line: self.line,
            message: format!("expected a field {name:?} in this stanza"),
        })
    }

    /// Returns the names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields.iter().map(|(n, _)| *n)
    }
}

/// Splits a text into its stanzas. Lines that start with `#` are comments.
pub(crate) fn parse<'a>(file: &str, text: &'a str) -> Result<Vec<Stanza<'a>>> {
    let mut stanzas = Vec::new();
    let mut stanza = Stanza::default();
    let mut at = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let start = at;
        at += raw.len();
        let line = raw.trim_end();
        if line.starts_with('#') {
            continue;
        }
        if line.is_empty() {
            if !stanza.fields.is_empty() {
                stanzas.push(std::mem::take(&mut stanza));
            }
        } else if line.starts_with([' ', '\t']) {
            extend(&mut stanza, text, start + line.len()).ok_or_else(|| Error::Syntax {
                file: file.to_owned(),
                line: index + 1,
                message: "expected a field, found a folded line with no field above it".into(),
            })?;
        } else {
            let (name, value) = line.split_once(':').ok_or_else(|| Error::Syntax {
                file: file.to_owned(),
                line: index + 1,
                message: format!("expected `Name: value`, found {line:?}"),
            })?;
            if stanza.fields.is_empty() {
                stanza.line = index + 1;
            }
            stanza.fields.push((name, value.trim()));
        }
    }
    if !stanza.fields.is_empty() {
        stanzas.push(stanza);
    }
    Ok(stanzas)
}

/// Extends the last field to byte `end` of `text`, over a continuation line.
fn extend<'a>(stanza: &mut Stanza<'a>, text: &'a str, end: usize) -> Option<()> {
    let (_, value) = stanza.fields.last_mut()?;
    // `value` is always a slice of `text`; its offset is computed from the addresses.
    let start = value.as_ptr() as usize - text.as_ptr() as usize;
    *value = text.get(start..end)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stanzas_and_folded_fields() {
        let text = "# c\nPackage: a\nSHA256:\n 11 2 x\n 22 3 y\nSize: 1\n\n\n\nPackage: b\n";
        let stanzas = parse("f", text).unwrap();
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].get("sha256").unwrap().trim(), "11 2 x\n 22 3 y");
        assert_eq!(stanzas[0].get("Size"), Some("1"));
        assert_eq!((stanzas[1].get("package"), stanzas[1].line), (Some("b"), 10));
        assert!(stanzas[1].need("f", "Size").unwrap_err().to_string().starts_with("f:10: expected a field"));
    }

    #[test]
    fn names_the_line_of_a_malformed_one() {
        for (text, line) in [("a: b\nnonsense\n", 2), (" folded\n", 1)] {
            let Err(Error::Syntax { line: found, .. }) = parse("f", text) else { panic!("{text:?}") };
            assert_eq!(found, line);
        }
    }
}

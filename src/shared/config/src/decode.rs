//! Converts trees to typed values: functions shared by the readers of the documents.
//!
//! A reader is a function from a node to `Option<T>`; `None` means that the error has been reported. Readers
//! continue after an error, so that all errors are found.

use crate::diagnostics::{Diagnostic, Place, Source};
use crate::suggest::closest;
use crate::value::{Key, Node, Value};

/// Why a value is refused.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What was expected and found.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Fault { message: message.into(), hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Fault { hint: Some(hint.into()), ..self }
    }
}

/// Collects errors and keeps track of the path to the value being read.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub source: &'a Source<'a>,
    pub errors: Vec<Diagnostic>,
    /// What has no effect, and is no reason to refuse the text.
    pub warnings: Vec<Diagnostic>,
    /// Whether a document could not be read at all, so that something may seem to be missing.
    pub incomplete: bool,
    path: Vec<String>,
}

impl<'a> Context<'a> {
    pub fn new(source: &'a Source<'a>) -> Self {
        Context { source, errors: Vec::new(), warnings: Vec::new(), incomplete: false, path: Vec::new() }
    }

    /// Reports `fault` at `place`, prefixed with the path.
    pub fn report(&mut self, place: Place, fault: Fault) {
        let message = self.message(fault.message);
        self.errors.push(self.source.error(place, message, fault.hint));
    }

    /// Notes that what is at `place` has no effect.
    pub fn warn(&mut self, place: Place, fault: Fault) {
        let message = self.message(fault.message);
        self.warnings.push(self.source.error(place, message, fault.hint));
    }

    /// Reports `fault` at `place` without quoting the line.
    pub fn report_secret(&mut self, place: Place, fault: Fault) {
        let message = self.message(fault.message);
        self.errors.push(self.source.secret_error(place, message, fault.hint));
    }

    fn message(&self, message: String) -> String {
        if self.path.is_empty() { message } else { format!("{}: {message}", self.path.join(".")) }
    }

    /// Calls `read` with `key` added to the path.
    pub fn at<T>(&mut self, key: impl Into<String>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.into());
        let value = read(self);
        self.path.pop();
        value
    }

    /// Reports that `node` is not `expected`.
    fn wrong_type(&mut self, node: &Node, expected: &str) {
        let (found, hint) = match &node.value {
            Value::Broken => return,
            Value::Null => ("nothing", None),
            Value::Bool(_) => ("a truth value", Some("quotes make it text")),
            Value::Integer(_) | Value::Float(_) => ("a number", Some("quotes make it text")),
            Value::Text(_) => ("text", None),
            Value::List(_) => ("a list", None),
            Value::Map(_) => ("a mapping", None),
        };
        let hint = hint.filter(|_| expected == "text").map(str::to_owned);
        self.report(node.place, Fault { message: format!("expected {expected}, found {found}"), hint });
    }
}

/// Reads text.
pub(crate) fn text(cx: &mut Context, node: &Node) -> Option<String> {
    let Value::Text(text) = &node.value else {
        cx.wrong_type(node, "text");
        return None;
    };
    Some(text.clone())
}

/// Reads `true` or `false`.
pub(crate) fn boolean(cx: &mut Context, node: &Node) -> Option<bool> {
    let Value::Bool(value) = node.value else {
        cx.wrong_type(node, "true or false");
        return None;
    };
    Some(value)
}

/// Returns a reader of integers in a range.
pub(crate) fn number<T: TryFrom<i64>>(min: i64, max: i64) -> impl Fn(&mut Context, &Node) -> Option<T> {
    move |cx, node| {
        let Value::Integer(value) = node.value else {
            cx.wrong_type(node, "a whole number");
            return None;
        };
        let fits = (min..=max).contains(&value).then(|| T::try_from(value).ok()).flatten();
        if fits.is_none() {
            let fault = Fault::new(format!("expected a number from {min} to {max}, found {value}"));
            cx.report(node.place, fault);
        }
        fits
    }
}

/// Returns a reader of text that `check` converts to a value.
pub(crate) fn checked<T>(
    check: impl Fn(&str) -> Result<T, Fault>,
) -> impl Fn(&mut Context, &Node) -> Option<T> {
    move |cx, node| {
        let text = text(cx, node)?;
        check(&text).map_err(|fault| cx.report(node.place, fault)).ok()
    }
}

/// Returns a reader of one of `words`; `planned` ones are refused as not yet supported.
pub(crate) fn one_of<T: Copy>(
    words: &'static [(&'static str, T)],
    planned: &'static [&'static str],
) -> impl Fn(&mut Context, &Node) -> Option<T> {
    checked(move |text| {
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        if planned.contains(&text) {
            let known = format!("supported: {}", names.join(", "));
            return Err(Fault::new(format!("{text:?} is planned, but not supported yet")).hint(known));
        }
        let fault = Fault::new(format!("expected {}, found {text:?}", alternatives(&names)));
        Err(match closest(text, names.into_iter()) {
            Some(word) => fault.hint(format!("did you mean {word}?")),
            None => fault,
        })
    })
}

/// Formats words as `a, b or c`.
fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Returns a reader of lists whose items are read with `item`.
pub(crate) fn list<T>(
    item: impl Fn(&mut Context, &Node) -> Option<T>,
) -> impl Fn(&mut Context, &Node) -> Option<Vec<T>> {
    move |cx, node| {
        let Value::List(nodes) = &node.value else {
            cx.wrong_type(node, "a list");
            return None;
        };
        let read = |(i, n)| cx.at(format!("{i}"), |cx| item(cx, n));
        Some(nodes.iter().enumerate().filter_map(read).collect())
    }
}

/// Returns the entries of a mapping with arbitrary keys.
pub(crate) fn entries<'n>(cx: &mut Context, node: &'n Node) -> Option<&'n [(Key, Node)]> {
    let Value::Map(entries) = &node.value else {
        cx.wrong_type(node, "a mapping");
        return None;
    };
    Some(entries)
}

/// Reads the known keys of a mapping; the keys left at the end are unknown.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    place: Place,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
    planned: &'static [&'static str],
}

impl<'n> Fields<'n> {
    /// Begins to read the mapping `node`; `planned` keys are refused as not yet supported.
    pub fn new(cx: &mut Context, node: &'n Node, planned: &'static [&'static str]) -> Option<Self> {
        let entries = entries(cx, node)?;
        Some(Fields { place: node.place, entries, known: Vec::new(), planned })
    }

    /// Returns the value of `key`, if it exists.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// Reads `key`, which is required.
    pub fn required<T>(
        &mut self,
        cx: &mut Context,
        key: &'static str,
        read: impl FnOnce(&mut Context, &Node) -> Option<T>,
    ) -> Option<T> {
        let Some(node) = self.get(key) else {
            cx.report(self.place, Fault::new(format!("key {key:?} is missing")));
            return None;
        };
        cx.at(key, |cx| read(cx, node))
    }

    /// Reads `key` if it exists.
    pub fn optional<T>(
        &mut self,
        cx: &mut Context,
        key: &'static str,
        read: impl FnOnce(&mut Context, &Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(key)?;
        cx.at(key, |cx| read(cx, node))
    }

    /// Reports unknown keys.
    pub fn finish(self, cx: &mut Context) {
        for (key, _) in self.entries {
            let name = key.text.as_str();
            if self.known.contains(&name) {
                continue;
            }
            let fault = if self.planned.contains(&name) {
                Fault::new(format!("key {name:?} is planned, but not supported yet"))
            } else {
                unknown_key(name, &self.known)
            };
            cx.report(key.place, fault);
        }
    }
}

/// Returns the error for an unknown key.
fn unknown_key(name: &str, known: &[&'static str]) -> Fault {
    let fault = Fault::new(format!("unknown key {name:?}"));
    match closest(name, known.iter().copied()) {
        Some(word) => fault.hint(format!("did you mean {word}?")),
        None => fault.hint(format!("known here: {}", known.join(", "))),
    }
}

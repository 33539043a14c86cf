//! Parses YAML into trees of values with positions.
//!
//! A subset of YAML 1.2 with the core schema: no anchors and aliases (and so no exponential expansion), no
//! tags, and none of the plain words that YAML 1.1 and 1.2 read differently (`yes`, `0644`). Depth and number
//! of nodes are limited while reading. A text may contain several documents; a syntax error affects only its
//! own document.

use std::collections::BTreeMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, StructureStyle};

use crate::diagnostics::{Diagnostic, Place, Source};
use crate::scalar;
use crate::value::{Key, Node, Value};

/// Maximum number of values in one text.
const MAX_NODES: usize = 100_000;

/// Which of two versions of YAML a text is written for, where they disagree about words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// Those words are refused.
    Strict,
    /// `yes`, `no`, `on` and `off` are truth values, as for all programs that read texts of this kind.
    Yaml11,
}

/// The result of [`read`]: the documents that could be read, and all errors.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub roots: Vec<Node>,
    pub errors: Vec<Diagnostic>,
    /// Whether a document is missing because of a syntax error or a limit.
    pub incomplete: bool,
}

/// Reads all documents of `text`, at most `max_depth` levels deep.
pub(crate) fn read(text: &str, source: &Source, max_depth: usize) -> Documents {
    read_as(Words::Strict, text, source, max_depth)
}

/// As [`read`], for a text of another kind.
pub(crate) fn read_as(words: Words, text: &str, source: &Source, max_depth: usize) -> Documents {
    let mut options = Options::default();
    options.emit_comments = false;
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder =
        Builder { source, words, max_depth, nodes: 0, open: Vec::new(), found: Documents::default() };
    while let Some(next) = parser.next_event() {
        let go_on = match next {
            Ok((event, span)) => builder.event(event, span) || skip_document(&mut parser, &mut builder),
            Err(e) => {
                let at = Place { line: e.marker().line(), column: e.marker().col() + 1, width: 1 };
                let tab = indenting_tab(text, at.line);
                let hint = tab.map(|_| "indent with spaces, not with tabs".to_owned());
                builder.report(tab.unwrap_or(at), format!("malformed YAML: {}", e.info()), hint);
                skip_document(&mut parser, &mut builder)
            }
        };
        if !go_on {
            break;
        }
    }
    builder.found
}

/// Skips the rest of the current document; returns whether there is another one.
fn skip_document<'a>(parser: &mut Parser<'a, StrInput<'a>>, builder: &mut Builder) -> bool {
    builder.open.clear();
    builder.found.incomplete = true;
    builder.nodes <= MAX_NODES && parser.proceed_next_document().unwrap_or(false)
}

/// Looks for a tab in the indentation of `line` or the next one: the usual cause of an error in either.
fn indenting_tab(text: &str, line: usize) -> Option<Place> {
    text.lines().enumerate().skip(line.saturating_sub(1)).take(2).find_map(|(i, line)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let column = indent.chars().position(|c| c == '\t')? + 1;
        Some(Place { line: i + 1, column, width: 1 })
    })
}

/// A collection whose end has not been reached.
#[derive(Debug)]
enum Open {
    List { place: Place, items: Vec<Node> },
    Map { place: Place, entries: Vec<(Key, Node)>, key: Option<Key>, lines: BTreeMap<String, usize> },
}

/// Builds trees from parser events.
#[derive(Debug)]
struct Builder<'a> {
    source: &'a Source<'a>,
    words: Words,
    max_depth: usize,
    nodes: usize,
    open: Vec<Open>,
    found: Documents,
}

impl Builder<'_> {
    fn report(&mut self, place: Place, message: String, hint: Option<String>) {
        self.found.errors.push(self.source.error(place, message, hint));
    }

    /// Processes one event; returns false if the rest of the document must be skipped.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        let place = place_of(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(place, anchor != 0, tag.is_some());
                let place = if is_block(style) || text.is_empty() { self.key_place(place) } else { place };
                let value = self.scalar(&text, style, place);
                self.add(Node { place, value })
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.report(place, "aliases are not accepted".into(), Some("write the value out".into()));
                self.add(Node { place, value: Value::Broken })
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse(place, anchor != 0, tag.is_some());
                let place = self.collection_place(style, place);
                self.enter(Open::List { place, items: Vec::new() }, place)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse(place, anchor != 0, tag.is_some());
                let place = self.collection_place(style, place);
                self.enter(Open::Map { place, entries: Vec::new(), key: None, lines: BTreeMap::new() }, place)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { place, items }) => self.add(Node { place, value: Value::List(items) }),
                Some(Open::Map { place, entries, .. }) => {
                    self.add(Node { place, value: Value::Map(entries) })
                }
                None => true,
            },
            _ => true,
        }
    }

    /// Opens a collection, unless it is nested too deep.
    fn enter(&mut self, open: Open, place: Place) -> bool {
        if self.open.len() >= self.max_depth {
            self.report(place, format!("nested deeper than {} levels", self.max_depth), None);
            return false;
        }
        self.open.push(open);
        true
    }

    /// Reports anchors and tags as errors.
    fn refuse(&mut self, place: Place, anchor: bool, tag: bool) {
        if anchor {
            self.report(place, "anchors are not accepted".into(), Some("write the value out".into()));
        }
        if tag {
            self.report(place, "tags are not accepted".into(), None);
        }
    }

    /// Returns the position of the key whose value is being read, or `place` if there is none; for values
    /// that begin on another line.
    fn key_place(&self, place: Place) -> Place {
        match self.open.last() {
            Some(Open::Map { key: Some(key), .. }) => key.place,
            _ => place,
        }
    }

    /// A block collection begins on a later line than its key, so the key's position is used.
    fn collection_place(&self, style: StructureStyle, place: Place) -> Place {
        if style == StructureStyle::Block { self.key_place(place) } else { place }
    }

    /// Resolves a scalar; reports those that are ambiguous.
    fn scalar(&mut self, text: &str, style: ScalarStyle, place: Place) -> Value {
        let is_key = matches!(self.open.last(), Some(Open::Map { key: None, .. }));
        if style != ScalarStyle::Plain || is_key {
            return Value::Text(text.to_owned());
        }
        let as_1_1 = || scalar::resolve_word_1_1(text).filter(|_| self.words == Words::Yaml11);
        match scalar::resolve(text).or_else(|hint| as_1_1().ok_or(hint)) {
            Ok(value) => value,
            Err(hint) => {
                self.report(place, format!("{text} does not mean the same to every YAML reader"), Some(hint));
                Value::Broken
            }
        }
    }

    /// Adds a finished value to its collection.
    fn add(&mut self, node: Node) -> bool {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.report(node.place, format!("more than {MAX_NODES} values"), None);
            return false;
        }
        match self.open.last_mut() {
            None => self.found.roots.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => return self.add_key(node),
            },
        }
        true
    }

    /// Adds a key, which must be text and unique. A repeated one is reported and kept after the first.
    fn add_key(&mut self, node: Node) -> bool {
        let Value::Text(text) = node.value else {
            self.report(node.place, "expected text as key".into(), None);
            return false;
        };
        let new = Key { text, place: node.place };
        let Some(Open::Map { lines, key, .. }) = self.open.last_mut() else { return true };
        let first = lines.get(&new.text).copied();
        lines.entry(new.text.clone()).or_insert(new.place.line);
        *key = Some(new.clone());
        if let Some(line) = first {
            let hint = Some(format!("the first one is on line {line}"));
            self.report(new.place, format!("key {:?} is repeated", new.text), hint);
        }
        true
    }
}

/// Returns whether the text of a scalar begins on a line after its key.
fn is_block(style: ScalarStyle) -> bool {
    matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
}

/// Returns line, column and width of a span; the width is 1 if it covers several lines.
fn place_of(span: Span) -> Place {
    let (start, end) = (span.start, span.end);
    let width = if start.line() == end.line() { end.col().saturating_sub(start.col()).max(1) } else { 1 };
    Place { line: start.line(), column: start.col() + 1, width }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> (Vec<Value>, Vec<String>) {
        let found = read(text, &Source::new(text), 16);
        let roots = found.roots.into_iter().map(|n| n.value).collect();
        (roots, found.errors.into_iter().map(|e| format!("{}:{} {}", e.line, e.column, e.message)).collect())
    }

    #[test]
    fn reads_several_documents_past_a_broken_one() {
        let (roots, errors) = read_all("a: 1\n---\nb: [1,\nc: 2\n---\nd: 3\n");
        assert_eq!(roots.len(), 2, "{errors:?}");
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn refuses_what_surprises() {
        let cases = [
            ("a: &x 1\n", "1:7 anchors are not accepted"),
            ("a: &x 1\nb: *x\n", "2:4 aliases are not accepted"),
            ("a: !!str 1\n", "1:10 tags are not accepted"),
            ("a: yes\n", "1:4 yes does not mean the same to every YAML reader"),
            ("a: 0644\n", "1:4 0644 does not mean the same to every YAML reader"),
            ("a: 1\na: 2\n", "2:1 key \"a\" is repeated"),
            ("[1]: 2\n", "1:1 expected text as key"),
        ];
        for (text, expected) in cases {
            let errors = read_all(text).1;
            assert!(errors.contains(&expected.to_owned()), "{text:?}: {errors:?}");
        }
    }

    #[test]
    fn bounds_depth_and_count() {
        let closed = format!("{}{}", "[".repeat(30), "]".repeat(30));
        assert!(read_all(&closed).1[0].contains("nested deeper than 16 levels"));
        assert_eq!(read_all(&"[".repeat(100_000)).1.len(), 1);
        let deep = (0..40).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>();
        assert!(read_all(&deep).1[0].contains("nested deeper"));
        let many = "- a\n".repeat(MAX_NODES + 1);
        assert!(read_all(&many).1[0].contains("more than 100000 values"));
        let bomb = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n";
        assert_eq!(read_all(bomb).1.len(), 8);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[\\PC\n\t :\\-\\[\\]{}&*!|>'\"#%@`,?a-c0-9]{0,200}") {
            read_all(&text);
        }
    }
}

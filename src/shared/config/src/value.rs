//! Values of a text with their positions.

use crate::diagnostics::Place;

/// A value and its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub place: Place,
    pub value: Value,
}

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// Keys in the order of the text. A repeated key is included twice, and was reported.
    Map(Vec<(Key, Node)>),
    /// Was already reported as invalid; further errors about it are suppressed.
    Broken,
}

/// A key of a mapping and its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub text: String,
    pub place: Place,
}

impl Node {
    /// Makes a text.
    pub fn text(place: Place, text: impl Into<String>) -> Node {
        Node { place, value: Value::Text(text.into()) }
    }

    /// Makes a list.
    pub fn list(place: Place, items: Vec<Node>) -> Node {
        Node { place, value: Value::List(items) }
    }

    /// Makes a mapping; each key has the position of its value.
    pub fn map(place: Place, entries: Vec<(impl Into<String>, Node)>) -> Node {
        let key = |text: String, node: &Node| Key { text, place: node.place };
        let entries = entries.into_iter().map(|(text, node)| (key(text.into(), &node), node)).collect();
        Node { place, value: Value::Map(entries) }
    }

    /// Returns the value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(own, _)| own.text == key).map(|(_, node)| node)
    }
}

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

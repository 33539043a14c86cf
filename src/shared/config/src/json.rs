//! Converts YAML values to JSON, for parts that are passed to Kubernetes unchanged.

use serde_json::Number;

use crate::value::{Node, Value};

/// Returns `node` as JSON. A value that was already reported as invalid becomes null.
pub(crate) fn value(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null | Value::Broken => serde_json::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Integer(i) => (*i).into(),
        Value::Float(f) => Number::from_f64(*f).map_or(serde_json::Value::Null, Into::into),
        Value::Text(t) => t.clone().into(),
        Value::List(items) => items.iter().map(value).collect(),
        Value::Map(entries) => entries.iter().map(|(k, n)| (k.text.clone(), value(n))).collect(),
    }
}

/// Returns a mapping as a JSON object; `None` for anything else.
pub(crate) fn object(node: &Node) -> Option<serde_json::Map<String, serde_json::Value>> {
    match value(node) {
        serde_json::Value::Object(map) => Some(map),
        _ => None,
    }
}

//! JSON Schemas of the documents, for editors.
//!
//! They are derived from the types; `apiVersion` and `kind` are added. A schema cannot express everything that the
//! parser checks: a text that the schema accepts may still be refused.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{API_VERSION, ClusterConfig, ImageProfile, NodeConfig};

/// Returns the schemas of all kinds of documents, by kind.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("ImageProfile", document::<ImageProfile>("ImageProfile")),
        ("NodeConfig", document::<NodeConfig>("NodeConfig")),
        ("ClusterConfig", document::<ClusterConfig>("ClusterConfig")),
    ]
}

/// Returns the schema of `T` with `apiVersion` and `kind`.
fn document<T: JsonSchema>(kind: &str) -> Value {
    let schema: Schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    schema["properties"]["apiVersion"] = json!({ "const": API_VERSION });
    schema["properties"]["kind"] = json!({ "const": kind });
    let mut required = vec![json!("apiVersion"), json!("kind")];
    required.extend(schema["required"].as_array().cloned().unwrap_or_default());
    schema["required"] = Value::Array(required);
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_required() {
        let required = |i: usize| schemas()[i].1["required"].clone();
        assert_eq!(required(0), json!(["apiVersion", "kind", "name", "role", "kubernetes", "kernel"]));
        assert_eq!(required(1), json!(["apiVersion", "kind", "api"]));
        assert_eq!(required(2), json!(["apiVersion", "kind"]));
    }

    #[test]
    fn tells_the_defaults_that_the_parser_uses() {
        let all = schemas();
        assert_eq!(all[0].1["properties"]["outputs"]["default"], json!(["raw"]));
        assert_eq!(all[0].1["properties"]["slots"]["default"]["rootMiB"], 512);
        assert_eq!(all[1].1["definitions"]["NodeApi"]["properties"]["port"]["default"], 9443);
        let network = &all[2].1["definitions"]["ClusterNetwork"]["properties"];
        assert_eq!(network["podCIDR"]["default"], "10.244.0.0/16");
    }

    #[test]
    fn uses_the_keys_of_the_documents() {
        let text = serde_json::to_string(&schemas()).unwrap();
        for key in ["podCIDR", "rootMiB", "certificateAuthority", "match", "extraConfig", "type"] {
            assert!(text.contains(&format!("\"{key}\":")), "{key}");
        }
    }
}

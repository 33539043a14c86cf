//! The order in which objects are applied: what others need to exist comes first. Pure.

use cluster::{AWAITED, Manifest};
use serde_json::Value;

/// An object and the manifest that it is from.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Name of the manifest.
    pub manifest: String,
    /// The object.
    pub object: Value,
}

/// Returns the objects of all manifests: what other nodes wait for, then custom resource definitions and namespaces,
/// otherwise in order. Definitions take the API server most of a second each, under emulation.
pub fn ordered(manifests: &[Manifest]) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = manifests
        .iter()
        .flat_map(|m| m.objects.iter().map(|o| Wanted { manifest: m.name.clone(), object: o.clone() }))
        .collect();
    // The sort is stable.
    all.sort_by_key(|wanted| match wanted.object["kind"].as_str() {
        _ if AWAITED.contains(&wanted.manifest.as_str()) => 0,
        Some("CustomResourceDefinition" | "Namespace") => 1,
        _ => 2,
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn definitions_come_before_what_uses_them() {
        let object = |kind: &str| json!({ "kind": kind });
        let manifest = |name: &str, kinds: &[&str]| Manifest {
            name: name.to_owned(),
            objects: kinds.iter().map(|k| object(k)).collect(),
        };
        let found = ordered(&[
            manifest("a", &["Widget", "Namespace"]),
            manifest("b", &["CustomResourceDefinition", "Pod"]),
            manifest(AWAITED[1], &["Role"]),
        ]);
        let found: Vec<(&str, &str)> =
            found.iter().map(|w| (w.manifest.as_str(), w.object["kind"].as_str().unwrap())).collect();
        let expected = [
            (AWAITED[1], "Role"),
            ("a", "Namespace"),
            ("b", "CustomResourceDefinition"),
            ("a", "Widget"),
            ("b", "Pod"),
        ];
        assert_eq!(found, expected);
    }
}

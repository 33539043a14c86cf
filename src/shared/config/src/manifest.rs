//! Parses Kubernetes manifests: YAML to the JSON objects that are sent to the API server.

use crate::decode::{Context, Fault, Fields, checked, text};
use crate::diagnostics::{Diagnostics, Source};
use crate::json;
use crate::value::{Node, Value};
use crate::yaml;

/// Maximum nesting depth of a manifest: schemas in custom resource definitions are deep.
const MAX_DEPTH: usize = 64;

/// Returns the Kubernetes objects of a manifest, in order. A `List` is not split.
///
/// `label` names the text in errors.
///
/// # Errors
/// [`Diagnostics`] with all errors of the text: it is not YAML, or a document has no `apiVersion`, `kind` or
/// `metadata.name`.
pub fn objects(label: &str, text: &str) -> Result<Vec<serde_json::Value>, Diagnostics> {
    let source = Source::new(text);
    let found = yaml::read(text, &source, MAX_DEPTH);
    let mut cx = Context::new(&source);
    cx.errors = found.errors;
    let roots: Vec<&Node> = found.roots.iter().filter(|n| n.value != Value::Null).collect();
    roots.iter().for_each(|node| check_object(&mut cx, node));
    if !cx.errors.is_empty() {
        return Err(Diagnostics::new(label, cx.errors));
    }
    if roots.is_empty() {
        return Err(Diagnostics::whole(label, "expected Kubernetes objects, found none", None));
    }
    Ok(roots.into_iter().map(json::value).collect())
}

/// Reports the fields that every Kubernetes object must have and `node` lacks.
fn check_object(cx: &mut Context, node: &Node) {
    let present = |t: &str| if t.is_empty() { Err(Fault::new("expected text, found none")) } else { Ok(()) };
    let Some(mut f) = Fields::new(cx, node, &[]) else { return };
    f.required(cx, "apiVersion", checked(present));
    f.required(cx, "kind", text);
    f.required(cx, "metadata", |cx, node| Fields::new(cx, node, &[])?.required(cx, "name", text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_several_objects() {
        let text = "# comment\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n\
                    apiVersion: v1\nkind: Service\nmetadata:\n  name: b\nspec: {ports: [{port: 80}]}\n";
        let found = objects("m", text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[1]["spec"]["ports"][0]["port"], 80);
    }

    #[test]
    fn refuses_what_is_no_object() {
        for bad in ["", "---\n", "a: 1\n", "- 1\n", "kind: x\napiVersion: v1\nmetadata: {}\n", "a: [\n"] {
            assert!(objects("m", bad).is_err(), "{bad:?}");
        }
    }
}

//! Cordons and uncordons a Kubernetes node.
//!
//! The mark has its own field manager: removing it does not affect a node that an operator has cordoned.

use anyhow::Result;
use serde_json::{Value, json};

use super::client::Kube;

/// The field manager for cordoning; labels have another one.
const MANAGER: &str = "ironhull-upgrade";

/// Marks the Kubernetes node `name` as unschedulable.
///
/// # Errors
/// If the apiserver can't be asked or refuses, with its reason; nothing has changed when it refuses.
pub fn cordon(kube: &Kube, name: &str) -> Result<()> {
    kube.apply_as(MANAGER, &path(name), &node(name, json!({ "spec": { "unschedulable": true } }))).map(drop)
}

/// Removes the mark that [`cordon`] has set.
///
/// # Errors
/// If the apiserver can't be asked or refuses, with its reason; the mark stays when it refuses.
pub fn uncordon(kube: &Kube, name: &str) -> Result<()> {
    // Server-side apply removes fields that this manager no longer sets, unless another manager owns them.
    kube.apply_as(MANAGER, &path(name), &node(name, json!({}))).map(drop)
}

fn path(name: &str) -> String {
    format!("/api/v1/nodes/{name}")
}

/// Returns the node object with the fields `more`.
fn node(name: &str, more: Value) -> Value {
    let mut node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } });
    if let (Value::Object(node), Value::Object(more)) = (&mut node, more) {
        node.extend(more);
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_all_that_is_claimed() {
        let cordoned = node("n", json!({ "spec": { "unschedulable": true } }));
        assert_eq!(cordoned["spec"]["unschedulable"], true);
        assert_eq!(node("n", json!({})).as_object().unwrap().len(), 3);
    }
}

//! Networks as platforms describe them: cloud-init's `network-config` of versions 1 and 2 (netplan's form), and
//! OpenStack's `network_data.json`.
//!
//! Each form is translated into a tree of our own key `network`, whose values keep their positions, and that tree is
//! read as if it stood in a `NodeConfig`: one reader checks everything, and errors show the line of the platform's text.
//! What a node does not do is an error, except where it changes nothing about IPv4 or where nobody misses it: that is a
//! warning. Specs: cloud-init 24.4, "Networking Config Version 1" and "2"; netplan 1.1, YAML; OpenStack Nova,
//! `network_data.json`.

mod device;
mod netplan;
mod openstack;
mod v1;

#[cfg(test)]
mod tests;

use crate::NodeNetwork;
use crate::decode::{Context, Fault};
use crate::diagnostics::Diagnostics;
use crate::document::parse_as;
use crate::read_network;
use crate::value::{Node, Value};
use crate::yaml::Words;

/// A network that was understood.
#[derive(Debug)]
pub(crate) struct Read {
    /// As a tree of our key `network`.
    pub tree: Node,
    pub network: NodeNetwork,
    /// What of the text has no effect.
    pub warnings: Vec<String>,
}

/// Returns whether a text is meant as the description of a network.
pub(crate) fn is_one(root: &Node) -> bool {
    let inner = root.get("network").unwrap_or(root);
    let has = |key| inner.get(key).is_some();
    has("version") && (has("config") || has("ethernets")) || has("links") && has("networks")
}

/// Reads the description of a network.
///
/// # Errors
/// [`Diagnostics`] with every error of the text.
pub(crate) fn read(label: &str, text: &str) -> Result<Read, Diagnostics> {
    let read = |cx: &mut Context, roots: &[Node]| {
        let [root, others @ ..] = roots else { return None };
        for other in others {
            cx.report(other.place, Fault::new("expected one document, found another"));
        }
        let tree = translate(cx, root.get("network").unwrap_or(root))?;
        let network = read_network::network(cx, &tree)?;
        if network == NodeNetwork::default() && cx.errors.is_empty() {
            let fault = Fault::new("no link is described, by which a node could be reached");
            cx.report(root.place, fault.hint("remove the text: without it a node asks DHCP on every link"));
        }
        Some((tree, network))
    };
    let ((tree, network), warnings) = parse_as(Words::Yaml11, label, text, read)?;
    let warnings = warnings.iter().map(|warning| warning.as_warning(label)).collect();
    Ok(Read { tree, network, warnings })
}

/// Translates a description of any form.
fn translate(cx: &mut Context, root: &Node) -> Option<Node> {
    if root.get("links").is_some() && root.get("networks").is_some() {
        return openstack::network(cx, root);
    }
    match root.get("version").map(|node| (&node.value, node.place)) {
        Some((Value::Integer(1), _)) => v1::network(cx, root),
        Some((Value::Integer(2), _)) => netplan::network(cx, root),
        Some((_, place)) => {
            cx.report(place, Fault::new("version: expected 1 or 2"));
            None
        }
        None => {
            let fault = Fault::new("key \"version\" is missing: 1 or 2");
            cx.report(root.place, fault.hint("version 2 is the form of netplan, with the key ethernets"));
            None
        }
    }
}

/// Returns whether a value belongs to IPv6, which a node does not use.
fn is_ipv6(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if text.contains(':'))
}

/// Notes that something of IPv6 has no effect.
fn without_ipv6(cx: &mut Context, node: &Node) {
    cx.warn(node.place, Fault::new("IPv6 is not supported yet, and this has no effect"));
}

/// Returns the items of a list, or a single value as its only one.
fn one_or_more(node: &Node) -> Vec<Node> {
    match &node.value {
        Value::List(items) => items.clone(),
        Value::Null => Vec::new(),
        _ => vec![node.clone()],
    }
}

/// Returns those of some values that are not of IPv6; notes the others.
fn ipv4_only(cx: &mut Context, items: Vec<Node>) -> Vec<Node> {
    let mut kept = Vec::new();
    for item in items {
        if is_ipv6(&item) { without_ipv6(cx, &item) } else { kept.push(item) }
    }
    kept
}

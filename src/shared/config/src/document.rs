//! Splits a text into its documents, checks which kinds it has and that each occurs once, and parses them.

use crate::decode::{Context, Fault};
use crate::diagnostics::{Diagnostics, Place, Source};
use crate::read_cluster::cluster_config;
use crate::read_node::node_config;
use crate::read_profile::profile;
use crate::suggest::closest;
use crate::user_data::cloud_config::cloud_config;
use crate::user_data::format::is_cloud_config;
use crate::value::{Node, Value};
use crate::yaml;
use crate::{API_VERSION, ImageProfile, NodeDocuments};

/// Maximum length of a text in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Maximum nesting depth of a text.
const MAX_DEPTH: usize = 16;

const IMAGE_PROFILE: &str = "ImageProfile";
pub(crate) const NODE_CONFIG: &str = "NodeConfig";
const CLUSTER_CONFIG: &str = "ClusterConfig";
const KINDS: [&str; 3] = [IMAGE_PROFILE, NODE_CONFIG, CLUSTER_CONFIG];

/// The documents in a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Documents {
    /// One image profile.
    Profile(Box<ImageProfile>),
    /// A node config, with or without a cluster config.
    Node(Box<NodeDocuments>),
}

/// Parses one image profile; `label`, usually its path, names the text in errors.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub fn parse_profile(label: &str, text: &str) -> Result<ImageProfile, Diagnostics> {
    parse(label, text, |cx, documents| one_profile(cx, documents, &[IMAGE_PROFILE]))
}

/// Parses the documents for a node: a node config and at most one cluster config, in any order.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub fn parse_node_documents(label: &str, text: &str) -> Result<NodeDocuments, Diagnostics> {
    parse(label, text, node_documents)
}

/// Parses the documents for a node in a `#cloud-config`.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub(crate) fn parse_cloud_config(label: &str, text: &str) -> Result<NodeDocuments, Diagnostics> {
    parse(label, text, cloud_config)
}

/// Parses documents of any kind; the first one determines which kinds are allowed.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub fn validate(label: &str, text: &str) -> Result<Documents, Diagnostics> {
    if is_cloud_config(text) {
        return parse_cloud_config(label, text).map(Box::new).map(Documents::Node);
    }
    parse(label, text, |cx, documents| {
        let first = documents.first().and_then(|d| text_at(d, "kind"));
        match first.map(|(kind, _)| kind) {
            Some(NODE_CONFIG | CLUSTER_CONFIG) => {
                node_documents(cx, documents).map(Box::new).map(Documents::Node)
            }
            _ => one_profile(cx, documents, &KINDS).map(Box::new).map(Documents::Profile),
        }
    })
}

/// Reads the trees of `text` and passes those of non-empty documents to `read`.
fn parse<T>(
    label: &str,
    text: &str,
    read: impl FnOnce(&mut Context, &[Node]) -> Option<T>,
) -> Result<T, Diagnostics> {
    if text.len() > MAX_BYTES {
        let message = format!("the text has {} bytes, expected at most {MAX_BYTES}", text.len());
        return Err(Diagnostics::whole(label, message, None));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(text);
    let mut found = yaml::read(text, &source, MAX_DEPTH);
    found.roots.retain(|root| root.value != Value::Null);
    let broken = found.incomplete;
    let mut cx = Context::new(&source);
    cx.errors = found.errors;
    if found.roots.is_empty() && !broken {
        let hint = format!("a document begins with apiVersion: {API_VERSION}");
        return Err(Diagnostics::whole(label, "the text holds no document", Some(&hint)));
    }
    cx.incomplete = broken;
    let value = read(&mut cx, &found.roots);
    match value {
        Some(value) if cx.errors.is_empty() => Ok(value),
        _ => Err(Diagnostics::new(label, cx.errors)),
    }
}

/// Reads a single document, which must be a profile.
fn one_profile(cx: &mut Context, documents: &[Node], kinds: &[&str]) -> Option<ImageProfile> {
    let mut found = None;
    for (i, document) in documents.iter().enumerate() {
        if i > 0 {
            cx.report(document.place, Fault::new("expected one document, found another"));
        }
        if header(cx, document, kinds) == Some(IMAGE_PROFILE) {
            found = profile(cx, document);
        }
    }
    found
}

/// Reads a node config and optionally a cluster config.
pub(crate) fn node_documents(cx: &mut Context, documents: &[Node]) -> Option<NodeDocuments> {
    let (mut node, mut cluster) = (None, None);
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for document in documents {
        let Some(kind) = header(cx, document, &[NODE_CONFIG, CLUSTER_CONFIG]) else { continue };
        if let Some((_, line)) = seen.iter().find(|(k, _)| *k == kind) {
            let fault = Fault::new(format!("expected one {kind}, found another"));
            cx.report(document.place, fault.hint(format!("the first one is on line {line}")));
        }
        seen.push((kind, document.place.line));
        if kind == NODE_CONFIG {
            node = node_config(cx, document);
        } else {
            cluster = cluster_config(cx, document);
        }
    }
    if !cx.incomplete && cx.errors.is_empty() && node.is_none() {
        let place = Place { line: 0, column: 0, width: 0 };
        cx.report(place, Fault::new(format!("no document of kind {NODE_CONFIG} found")));
    }
    Some(NodeDocuments { node: node?, cluster: cluster.unwrap_or_default() })
}

/// Checks `apiVersion` and `kind` of a document; returns the kind if it is one of `kinds`.
fn header(cx: &mut Context, document: &Node, kinds: &[&str]) -> Option<&'static str> {
    if !matches!(document.value, Value::Map(_)) {
        cx.report(document.place, Fault::new("expected a mapping with apiVersion and kind"));
        return None;
    }
    if let Some((version, place)) = text_at(document, "apiVersion")
        && version != API_VERSION
    {
        cx.report(place, Fault::new(format!("apiVersion: expected {API_VERSION:?}, found {version:?}")));
    }
    let Some((kind, place)) = text_at(document, "kind") else {
        cx.report(document.place, Fault::new(format!("key \"kind\" is missing: {}", kinds.join(", "))));
        return None;
    };
    let known = KINDS.into_iter().find(|k| *k == kind && kinds.contains(k));
    if known.is_none() {
        let fault = Fault::new(format!("kind: expected {}, found {kind:?}", kinds.join(" or ")));
        let near = closest(kind, kinds.iter().copied()).map(|k| format!("did you mean {k}?"));
        cx.report(place, Fault { hint: near, ..fault });
    }
    known
}

/// Returns the text under `key` of a mapping, and its place.
pub(crate) fn text_at<'n>(node: &'n Node, key: &str) -> Option<(&'n str, Place)> {
    let Value::Map(entries) = &node.value else { return None };
    let (_, value) = entries.iter().find(|(k, _)| k.text == key)?;
    match &value.value {
        Value::Text(text) => Some((text, value.place)),
        _ => None,
    }
}

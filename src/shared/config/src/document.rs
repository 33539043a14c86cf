//! Splits a text into its documents, checks which kinds it has and that each occurs once, and parses them.

use crate::decode::{Context, Fault};
use crate::diagnostics::{Diagnostic, Diagnostics, Place, Source};
use crate::read_cluster::cluster_config;
use crate::read_node::node_config;
use crate::read_profile::profile;
use crate::suggest::closest;
use crate::user_data::cloud_config::cloud_config;
use crate::user_data::format::is_cloud_config;
use crate::user_data::{meta_data, network_config};
use crate::value::{Key, Node, Value};
use crate::yaml::{self, Words};
use crate::{API_VERSION, ClusterConfig, ImageProfile, NodeDocuments, NodeNetwork};

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
    /// What a platform says about links and addresses, and what of it has no effect, a text each.
    Network(Box<NodeNetwork>, Vec<String>),
    /// What a platform says about the machine.
    MetaData,
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

/// Parses one cluster config, as a node gets it from its cluster.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub fn parse_cluster_config(label: &str, text: &str) -> Result<ClusterConfig, Diagnostics> {
    parse(label, text, |cx, documents| {
        if let [document] = documents {
            return header(cx, document, &[CLUSTER_CONFIG]).and_then(|_| cluster_config(cx, document));
        }
        let place = documents.get(1).map_or(Place { line: 0, column: 0, width: 0 }, |d| d.place);
        cx.report(place, Fault::new("expected one document"));
        None
    })
}

/// Parses the documents for a node, alone or in a `#cloud-config`, after `fill` has added to them. Returns them also as
/// trees.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub(crate) fn parse_filled(
    label: &str,
    text: &str,
    fill: impl FnOnce(&mut [Node]),
) -> Result<(NodeDocuments, Vec<Node>), Diagnostics> {
    parse(label, text, |cx, documents| {
        let mut trees = match is_cloud_config(text) {
            true => cloud_config(cx, documents)?,
            false => documents.to_vec(),
        };
        fill(&mut trees);
        Some((node_documents(cx, &trees)?, trees))
    })
}

/// Returns the entries of the node config among documents.
pub(crate) fn node_config_in(documents: &mut [Node]) -> Option<&mut Vec<(Key, Node)>> {
    let is_node = |d: &&mut Node| text_at(d, "kind").is_some_and(|(kind, _)| kind == NODE_CONFIG);
    match documents.iter_mut().find(is_node) {
        Some(Node { value: Value::Map(entries), .. }) => Some(entries),
        _ => None,
    }
}

/// Parses documents of any kind; the first one determines which kinds are allowed.
///
/// # Errors
/// [`Diagnostics`] with every error of the text, each with line, column and the line marked.
pub fn validate(label: &str, text: &str) -> Result<Documents, Diagnostics> {
    if is_cloud_config(text) {
        return parse_filled(label, text, |_| {}).map(|(documents, _)| Documents::Node(Box::new(documents)));
    }
    if let Some(platform) = platform(label, text) {
        return platform;
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

/// Parses what platforms put beside user-data; `None` if `text` is nothing of that kind.
fn platform(label: &str, text: &str) -> Option<Result<Documents, Diagnostics>> {
    let roots = yaml::read_as(Words::Yaml11, text, &Source::new(text), MAX_DEPTH).roots;
    let [root] = &roots[..] else { return None };
    if root.get("kind").is_some() || root.get("apiVersion").is_some() {
        return None;
    }
    if network_config::is_one(root) {
        let read = network_config::read(label, text);
        return Some(read.map(|read| Documents::Network(Box::new(read.network), read.warnings)));
    }
    let read = || meta_data::hostname(label, text).map(|_| Documents::MetaData);
    meta_data::is_one(root).then(read)
}

/// Reads the trees of `text` and passes those of non-empty documents to `read`.
fn parse<T>(
    label: &str,
    text: &str,
    read: impl FnOnce(&mut Context, &[Node]) -> Option<T>,
) -> Result<T, Diagnostics> {
    parse_as(Words::Strict, label, text, read).map(|(value, _)| value)
}

/// As [`parse`], for texts of other programs; returns also what has no effect in them.
pub(crate) fn parse_as<T>(
    words: Words,
    label: &str,
    text: &str,
    read: impl FnOnce(&mut Context, &[Node]) -> Option<T>,
) -> Result<(T, Vec<Diagnostic>), Diagnostics> {
    if text.len() > MAX_BYTES {
        let message = format!("the text has {} bytes, expected at most {MAX_BYTES}", text.len());
        return Err(Diagnostics::whole(label, message, None));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source::new(text);
    let mut found = yaml::read_as(words, text, &source, MAX_DEPTH);
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
        Some(value) if cx.errors.is_empty() => Ok((value, cx.warnings)),
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

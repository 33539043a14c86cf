//! What platforms put beside user-data: the network of a machine, and facts about it.
//!
//! Documents of ours count more: what they say is never changed by a platform. What they leave out is filled in.

use super::{Part, meta_data, network_config, text};
use crate::diagnostics::{Diagnostics, Place};
use crate::document::{node_config_in, parse_filled};
use crate::value::{Key, Node, Value};
use crate::{NodeNetwork, json};

/// Where something is that was in another text.
pub(super) const ELSEWHERE: Place = Place { line: 0, column: 0, width: 0 };

/// What a platform says beside user-data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Links and addresses: `network-config` of versions 1 and 2, or OpenStack's `network_data.json`.
    pub network: Option<Part>,
    /// Facts about the machine: `meta-data`, or OpenStack's `meta_data.json`.
    pub meta_data: Option<Part>,
}

/// A network that a platform gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenNetwork {
    /// The links and addresses.
    pub network: NodeNetwork,
    /// What of the text has no effect, a text of several lines each.
    pub warnings: Vec<String>,
}

impl Beside {
    /// Returns what a text that is kept says of network and host name, as if a platform had said it.
    #[must_use]
    pub fn of_kept(text: &str) -> Beside {
        let Ok((_, mut trees)) = parse_filled("kept", text, |_| {}) else { return Beside::default() };
        let config = node_config_in(&mut trees)
            .map(|config| Node { place: ELSEWHERE, value: Value::Map(config.clone()) });
        let get = |key| config.as_ref().and_then(|config| config.get(key)).map(json::value);
        let part = |label: &str, value: serde_json::Value| Part {
            label: format!("the {label} of the accepted config"),
            bytes: value.to_string().into_bytes(),
        };
        Beside {
            network: get("network").and_then(|network| {
                let mut network = network.as_object()?.clone();
                network.insert("version".to_owned(), 2.into());
                Some(part("network", network.into()))
            }),
            meta_data: get("hostname")
                .map(|name| part("host name", serde_json::json!({ "local-hostname": name }))),
        }
    }

    /// Adds what is missing from another one.
    pub fn complete(&mut self, other: &Beside) {
        let Beside { network, meta_data } = other;
        self.network = self.network.take().or_else(|| network.clone());
        self.meta_data = self.meta_data.take().or_else(|| meta_data.clone());
    }

    /// Returns the network alone, for a machine that has nothing else yet; `None` if the platform gives none.
    ///
    /// # Errors
    /// [`Diagnostics`] with every error of the text.
    pub fn network(&self) -> Result<Option<GivenNetwork>, Diagnostics> {
        let Some(part) = &self.network else { return Ok(None) };
        let read = network_config::read(&part.label, &text(&part.label, &part.bytes)?)?;
        Ok(Some(GivenNetwork { network: read.network, warnings: read.warnings }))
    }

    /// Fills in what the node config among `documents` leaves out; returns whether anything was, and the warnings.
    pub(super) fn fill(&self, documents: &mut [Node]) -> Result<(bool, Vec<String>), Diagnostics> {
        let Some(config) = node_config_in(documents) else { return Ok((false, Vec::new())) };
        let lacks = |config: &[(Key, Node)], key: &str| !config.iter().any(|(own, _)| own.text == key);
        let (mut filled, mut warnings) = (false, Vec::new());
        if let Some(part) = self.meta_data.as_ref().filter(|_| lacks(config, "hostname")) {
            let name = meta_data::hostname(&part.label, &text(&part.label, &part.bytes)?)?;
            filled |= name.is_some();
            config.extend(name.map(|name| (key("hostname"), Node::text(ELSEWHERE, name))));
        }
        if let Some(part) = self.network.as_ref().filter(|_| describes_no_link(config)) {
            let read = network_config::read(&part.label, &text(&part.label, &part.bytes)?)?;
            filled = true;
            warnings = read.warnings;
            let mut network = elsewhere(read.tree);
            let own =
                config.iter().position(|(key, _)| key.text == "network").map(|at| config.remove(at).1.value);
            if let (Value::Map(all), Some(Value::Map(own))) = (&mut network.value, own) {
                all.extend(own);
            }
            config.push((key("network"), network));
        }
        Ok((filled, warnings))
    }
}

/// Whether a node config has no `network`, or one that only chooses among addresses. An empty one asks for DHCP.
fn describes_no_link(config: &[(Key, Node)]) -> bool {
    match config.iter().find(|(key, _)| key.text == "network").map(|(_, node)| &node.value) {
        None => true,
        Some(Value::Map(own)) => !own.is_empty() && own.iter().all(|(key, _)| key.text == "nodeAddress"),
        Some(_) => false,
    }
}

/// Makes a key of ours.
pub(super) fn key(text: &str) -> Key {
    Key { text: text.to_owned(), place: ELSEWHERE }
}

/// Returns a tree of another text, whose lines must not be taken for lines of this one.
fn elsewhere(node: Node) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(elsewhere).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, node)| (Key { place: ELSEWHERE, ..key }, elsewhere(node)))
                .collect(),
        ),
        other => other,
    };
    Node { place: ELSEWHERE, value }
}

/// Writes documents as a text of ours.
pub(super) fn written(documents: &[Node]) -> String {
    let texts = documents.iter().map(|document| format!("{:#}\n", json::value(document)));
    texts.collect::<Vec<_>>().join("---\n")
}

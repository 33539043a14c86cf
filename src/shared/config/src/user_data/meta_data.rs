//! `meta-data` of NoCloud and `meta_data.json` of OpenStack: what a platform says about a machine.
//!
//! Only the host name has an effect. The other keys are told by the platform whether anybody wants them or not, so they
//! are no errors. `instance-id` has none, since a node looks at its user-data at each boot anyway.

use crate::checks;
use crate::decode::checked;
use crate::decode::{Context, entries, text};
use crate::diagnostics::Diagnostics;
use crate::document::parse_as;
use crate::value::Node;
use crate::yaml::Words;

/// Keys with the host name: NoCloud's, OpenStack's.
const HOSTNAMES: [&str; 2] = ["local-hostname", "hostname"];
/// Keys by which such a text is recognised.
const KEYS: [&str; 4] = ["instance-id", "local-hostname", "uuid", "dsmode"];

/// Returns whether a text is meant as `meta-data`.
pub(crate) fn is_one(root: &Node) -> bool {
    KEYS.iter().any(|key| root.get(key).is_some())
}

/// Returns the host name: the first label of what the platform says, in lower case; `None` if it says none.
///
/// # Errors
/// [`Diagnostics`] if the text is no mapping, or the name can't be one.
pub(crate) fn hostname(label: &str, text: &str) -> Result<Option<String>, Diagnostics> {
    let read = |cx: &mut Context, roots: &[Node]| match roots {
        [root] => {
            entries(cx, root)?;
            Some(
                HOSTNAMES
                    .iter()
                    .find_map(|key| Some((*key, root.get(key)?)))
                    .and_then(|(key, node)| cx.at(key, |cx| name(cx, node))),
            )
        }
        _ => Some(None),
    };
    parse_as(Words::Yaml11, label, text, read).map(|(name, _)| name)
}

fn name(cx: &mut Context, node: &Node) -> Option<String> {
    let name = text(cx, node)?;
    let label = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    checked(checks::hostname)(cx, &Node::text(node.place, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_a_label_in_lower_case() {
        let name = |text: &str| hostname("m", text).map_err(|e| e.to_string());
        let named = |name: &str| Ok(Some(name.to_owned()));
        assert_eq!(name("instance-id: i-1\nlocal-hostname: Web01.example.org\n"), named("web01"));
        assert_eq!(name("{\"uuid\": \"x\", \"hostname\": \"n1.novalocal\", \"keys\": null}"), named("n1"));
        assert_eq!(name("instance-id: 1234\n"), Ok(None));
        assert_eq!(name("{\n\"instance-id\": \"iid-local01\",\n\"dsmode\": \"local\"\n}\n"), Ok(None));
        let error = name("instance-id: x\nlocal-hostname: my_host\n").unwrap_err();
        assert!(
            error.contains("m:2:17") && error.contains("local-hostname: expected a host name"),
            "{error}"
        );
        assert!(name("- a\n").unwrap_err().contains("expected a mapping"));
    }
}

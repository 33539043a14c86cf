//! Recognises formats of other systems by their first line, so that none is taken for documents of ours: most begin
//! with a comment of YAML.

use crate::API_VERSION;
use crate::diagnostics::Diagnostics;

/// How the first line begins, and what the format is. The first that fits counts.
const FOREIGN: &[(&str, &str)] = &[
    ("#cloud-config-archive", "cloud-init's #cloud-config-archive"),
    ("#cloud-config-jsonp", "cloud-init's #cloud-config-jsonp"),
    ("#cloud-boothook", "cloud-init's #cloud-boothook"),
    ("#include", "cloud-init's #include"),
    ("#part-handler", "cloud-init's #part-handler"),
    ("## template:", "a template of cloud-init (jinja)"),
    ("#!", "a script"),
];

/// Returns whether a text is a `#cloud-config`.
pub(crate) fn is_cloud_config(text: &str) -> bool {
    let first = text.trim_start_matches(['\u{feff}', '\n', ' ']).lines().next().unwrap_or_default();
    first.trim_end() == "#cloud-config"
}

/// Returns an error if `text` has a format that is not accepted.
pub(super) fn check(label: &str, text: &str) -> Result<(), Diagnostics> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let begins = |word: &str| first.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let named = FOREIGN.iter().find(|(word, _)| begins(word)).map(|(_, name)| *name);
    let start: String = text.chars().filter(|c| !c.is_whitespace()).take(12).collect();
    let found = named.or_else(|| start.starts_with("{\"ignition\"").then_some("Ignition's format"));
    let Some(found) = found else { return Ok(()) };
    let hint = format!("a node takes documents that begin with apiVersion: {API_VERSION}, or #cloud-config");
    Err(Diagnostics::whole(label, format!("{found} is not supported"), Some(&hint)))
}

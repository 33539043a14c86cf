//! `component.yaml`: how to build one component. Strict: an unknown key is an error, with the line marked.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::copied::Copied;
use crate::error::{Error, Result};

/// Whether C is compiled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cgo {
    /// No C at all.
    #[default]
    Off,
    /// C, linked statically.
    Static,
}

/// One recipe.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The module whose version in go.mod is the version of the component.
    pub module: String,
    /// Its licence, as an SPDX expression.
    pub licence: String,
    /// Whether C is compiled in.
    #[serde(default)]
    pub cgo: Cgo,
    /// Build tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Static C libraries that are linked in; they are inputs, as the sources are.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// String variables set at link time; `{version}`, `{major}` and `{minor}` are replaced.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Upstream files of which `cmd/` holds a changed copy.
    #[serde(default)]
    pub(super) copied: Copied,
    /// Name of each program and the package it is built from.
    pub binaries: BTreeMap<String, String>,
}

impl Recipe {
    /// Loads and checks a recipe.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read; [`Error::Recipe`] if it is malformed, with line, column and
    /// what was expected.
    pub fn load(path: &Path) -> Result<Recipe> {
        let text = fs::read_to_string(path).map_err(Error::io("reading", path))?;
        Recipe::parse(&text).map_err(|message| Error::Recipe { path: path.to_owned(), message })
    }

    /// Parses a recipe.
    fn parse(text: &str) -> std::result::Result<Recipe, String> {
        let recipe: Recipe = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
        if recipe.binaries.is_empty() {
            return Err("binaries: expected at least one".into());
        }
        if let Some(bad) = recipe.binaries.keys().find(|n| !is_file_name(n)) {
            return Err(format!("binaries: expected a file name, found {bad:?}"));
        }
        // Go splits these at spaces and commas, so one could hide a second option.
        let words = recipe.tags.iter().chain(recipe.variables.keys()).chain(recipe.variables.values());
        match words.into_iter().find(|w| w.is_empty() || w.contains([' ', ',', '\'', '"'])) {
            Some(bad) => Err(format!("expected a word without blanks, commas and quotes, found {bad:?}")),
            None => Ok(recipe),
        }
    }

    /// Returns Go's linker options for a version.
    pub(super) fn linker_options(&self, version: &str) -> String {
        let mut parts = version.split('.');
        let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut options = "-s -w -buildid=".to_owned();
        if self.cgo == Cgo::Static {
            options.push_str(" -linkmode external -extldflags '-static -Wl,--build-id=none'");
        }
        for (name, value) in &self.variables {
            let value =
                value.replace("{version}", version).replace("{major}", major).replace("{minor}", minor);
            options.push_str(&format!(" -X {name}={value}"));
        }
        options
    }
}

/// Returns whether a name is a file name without directories.
fn is_file_name(name: &str) -> bool {
    !name.starts_with(['.', '-']) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "module: k8s.io/kubernetes\nlicence: Apache-2.0\ntags: [a, b]\nvariables:\n  \
                        v.gitVersion: v{version}\n  v.gitMinor: \"{minor}\"\nbinaries:\n  kube: ./cmd/kube\n";

    #[test]
    fn stamps_the_version() {
        let recipe = Recipe::parse(GOOD).unwrap();
        assert_eq!(
            recipe.linker_options("1.36.3"),
            "-s -w -buildid= -X v.gitMinor=36 -X v.gitVersion=v1.36.3"
        );
    }

    #[test]
    fn says_where_and_what_is_wrong() {
        for (from, to, parts) in [
            ("tags", "tagz", &["line 3", "tagz"][..]),
            ("tags: [a, b]", "cgo: on", &["on", "off", "static"]),
            ("module: k8s.io/kubernetes\n", "", &["module"]),
            (
                "  kube: ./cmd/kube\n",
                "  ../kube: x\n",
                &["binaries: expected a file name, found \"../kube\""],
            ),
            ("[a, b]", "[\"a b\"]", &["expected a word without blanks", "\"a b\""]),
            ("\n  kube: ./cmd/kube", " {}", &["binaries: expected at least one"]),
        ] {
            let message = Recipe::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
            for part in parts {
                assert!(message.contains(part), "{to:?}: {message}");
            }
        }
    }
}

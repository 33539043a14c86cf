//! Every crate in Cargo.lock has a licence that deny.toml allows, comes from the registry, and appears once,
//! except for those listed in deny.toml. cargo-deny checks the same and more, but needs a database from the
//! network.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, LicenseReq, Licensee, ParseMode};

/// Returns the root of the source tree.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// Returns deny.toml.
fn deny() -> toml::Table {
    std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

/// Returns all packages of the lock that our target needs, according to cargo.
fn packages() -> Vec<Value> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let used: BTreeSet<&str> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().filter_map(|n| n["id"].as_str()).collect();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().filter(|p| used.contains(p["id"].as_str().unwrap())).cloned().collect()
}

/// Returns a text field of a package.
fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

#[test]
fn every_licence_is_allowed() {
    let allowed: Vec<Licensee> = deny()["licenses"]["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| Licensee::parse(name.as_str().unwrap()).unwrap())
        .collect();
    let is_allowed = |wanted: &LicenseReq| allowed.iter().any(|licence| licence.satisfies(wanted));
    let refused: Vec<String> = packages()
        .iter()
        .filter(|p| {
            let expression = Expression::parse_mode(text(p, "license"), ParseMode::LAX);
            !expression.is_ok_and(|e| e.evaluate(is_allowed))
        })
        .map(|p| format!("{} {}: {:?}", text(p, "name"), text(p, "version"), p["license"]))
        .collect();
    assert!(refused.is_empty(), "not among the licences of deny.toml:\n{}", refused.join("\n"));
    let gpl = Expression::parse("GPL-3.0-only").unwrap();
    assert!(!gpl.evaluate(is_allowed), "the test refuses nothing");
}

#[test]
fn every_crate_comes_from_the_registry() {
    let foreign: Vec<String> = packages()
        .iter()
        .filter(|p| !p["source"].is_null() && !text(p, "source").starts_with("registry+"))
        .map(|p| format!("{} from {}", text(p, "name"), text(p, "source")))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn no_crate_is_there_twice_but_those_that_are_named() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(text(&package, "name").into()).or_default().insert(text(&package, "version").into());
    }
    let named: BTreeSet<String> = deny()["bans"]["skip"]
        .as_array()
        .unwrap()
        .iter()
        .map(|skip| {
            assert!(skip["reason"].as_str().is_some_and(|r| !r.is_empty()), "{skip:?} has no reason");
            skip["crate"].as_str().unwrap().to_owned()
        })
        .collect();
    let mut needless = named.clone();
    for (name, versions) in versions.into_iter().filter(|(_, versions)| versions.len() > 1) {
        let others = versions.iter().filter(|v| !needless.remove(&format!("{name}@{v}"))).count();
        assert!(others == 1, "{name} is there in {versions:?}: drop one, or name it in deny.toml");
    }
    assert!(needless.is_empty(), "{needless:?} of deny.toml are not there twice any more");
}

//! The folders of `src` state where code runs and what may depend on what: `host` and `node` may depend on
//! `shared`, and nothing else crosses. The manifests are read by cargo.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Returns the folder of `src` that contains `path`; `None` for crates that only tests need.
fn folder(path: &str) -> Option<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("src is there");
    let below = Path::new(path).strip_prefix(&src).ok()?;
    below.iter().next().map(|folder| folder.to_string_lossy().into_owned())
}

#[test]
fn arrows_between_the_folders_point_to_shared_only() {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let mut crossing = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(from) = folder(package["manifest_path"].as_str().unwrap()) else { continue };
        for dependency in package["dependencies"].as_array().unwrap() {
            let Some(path) = dependency["path"].as_str() else { continue };
            let to = folder(path).unwrap_or_default();
            if dependency["kind"].is_null() && to != from && to != "shared" {
                crossing.push((name.to_owned(), dependency["name"].as_str().unwrap().to_owned()));
            }
        }
    }
    assert_eq!(crossing, []);
}

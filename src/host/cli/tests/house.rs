//! The folders of `src` say where code runs, and what may use what: `host` and `node` use `shared`, nothing
//! else crosses. Cargo's own reading of the manifests is the judge.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Crates of `node` that the operator's machine uses all the same, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The operator's certificates are issued by the code that issues a cluster's.
    ("cli", "cluster"),
];

/// Returns the folder of `src` that `path` is in.
fn folder(path: &str) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let below = Path::new(path).strip_prefix(&src).unwrap_or_else(|_| panic!("{path} is not below src"));
    below.iter().next().unwrap().to_str().unwrap().to_owned()
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
        if name == "e2e" {
            continue;
        }
        let from = folder(package["manifest_path"].as_str().unwrap());
        for dependency in package["dependencies"].as_array().unwrap() {
            let Some(path) = dependency["path"].as_str() else { continue };
            let to = folder(path);
            if dependency["kind"].is_null() && to != from && to != "shared" {
                crossing.push((name.to_owned(), dependency["name"].as_str().unwrap().to_owned()));
            }
        }
    }
    let expected: Vec<_> = EXCEPTIONS.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(crossing, expected);
}

//! A golden document, and rules that every document satisfies.

use super::*;
use crate::components::Module;
use crate::debian::Use;
use crate::programs::Crate;

fn document() -> String {
    let module =
        |path: &str, version: &str| Module { path: path.into(), version: version.into(), sum: "h1:x".into() };
    let component = |name: &str| BuiltComponent {
        name: name.into(),
        version: "1.36.3".into(),
        licence: "Apache-2.0".into(),
        module: "k8s.io/kubernetes".into(),
        binaries: BTreeMap::new(),
        modules: vec![module("k8s.io/api", "v0.36.3"), module("std", "1.26.8")],
        libraries: vec![("libc.a".into(), Digest::of(b"c"))],
    };
    let part = |name: &str, licence: &str, ours| Crate {
        name: name.into(),
        version: "0.1.0".into(),
        licence: licence.into(),
        ours,
    };
    let program = BuiltProgram {
        name: "init".into(),
        version: "0.1.0".into(),
        path: "x".into(),
        crates: vec![
            part("init", "Apache-2.0", true),
            part("a_b", "MIT/Apache-2.0", false),
            part("a-b", "", false),
        ],
    };
    let package = Locked {
        name: "libc6".into(),
        version: "2.41-12+deb13u4".into(),
        architecture: "amd64".into(),
        source: "glibc 2.41-12+deb13u4".into(),
        uses: [Use::Root].into(),
        archive: crate::debian::Archive::Main,
        filename: "x".into(),
        size: 1,
        sha256: Digest::of(b"x"),
        wanted_by: ["mount".to_owned()].into(),
    };
    let kernel = Kernel {
        image: "x".into(),
        config: "x".into(),
        release: "6.12.107-ironhull".into(),
        version: "6.12.107-1".into(),
    };
    spdx(&Contents {
        name: "single",
        version: "0.1.0",
        created: 1_789_199_741,
        packages: &[&package],
        components: &[component("kubernetes"), component("other")],
        programs: &[program],
        kernel: Some(&kernel),
    })
}

#[test]
fn is_as_it_was_reviewed() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/sbom.spdx.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, document()).unwrap();
    }
    assert_eq!(document(), std::fs::read_to_string(golden).unwrap());
}

#[test]
fn identifiers_are_unique_and_all_relations_lead_somewhere() {
    let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
    let packages = document["packages"].as_array().unwrap();
    let mut ids: BTreeSet<&str> = packages.iter().map(|p| p["SPDXID"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), packages.len());
    assert_eq!(packages.len(), 12, "a module of two components is listed once");
    ids.insert(DOCUMENT);
    let relations = document["relationships"].as_array().unwrap();
    for relation in relations {
        for end in ["spdxElementId", "relatedSpdxElement"] {
            assert!(ids.contains(relation[end].as_str().unwrap()), "{relation}");
        }
    }
    let describes = relations.iter().filter(|r| r["relationshipType"] == "DESCRIBES").count();
    assert_eq!((relations.len(), describes), (15, 1));
    for id in ids {
        let sound = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        assert!(id.strip_prefix("SPDXRef-").unwrap().chars().all(sound), "{id}");
    }
}

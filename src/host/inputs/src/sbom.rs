//! The bill of materials: an SPDX 2.3 document (JSON) of every Debian package, Go module and crate, and the
//! kernel, and of which contains which. The same inputs give the same text.
//!
//! Licences are given if the source states them in a reliable form; all others are NOASSERTION. Spec: SPDX
//! 2.3, package URLs as in the purl specification.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::components::BuiltComponent;
use crate::debian::Locked;
use crate::digest::Digest;
use crate::kernel::Kernel;
use crate::programs::BuiltProgram;

/// The content of the document.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// Name of the image.
    pub name: &'a str,
    /// Version of the image.
    pub version: &'a str,
    /// Creation time of the document, seconds since 1970.
    pub created: u64,
    /// Debian packages with files in the image.
    pub packages: &'a [&'a Locked],
    /// Components of the image.
    pub components: &'a [BuiltComponent],
    /// Node programs of the image.
    pub programs: &'a [BuiltProgram],
    /// The kernel.
    pub kernel: Option<&'a Kernel>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: String,
    creators: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version_info: String,
    download_location: &'static str,
    files_analyzed: bool,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    primary_package_purpose: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

/// Identifier of the document itself.
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

const UNKNOWN: &str = "NOASSERTION";

/// Collects packages, each once, and their relations.
#[derive(Default)]
struct Collector {
    packages: BTreeMap<String, Package>,
    relationships: BTreeSet<Relationship>,
}

impl Collector {
    /// Adds a package that `parent` contains; returns its identifier.
    fn add(&mut self, parent: &str, purpose: &'static str, facts: Facts<'_>) -> String {
        let id = identifier(&[facts.kind, facts.name, facts.version]);
        let verb = if parent == DOCUMENT { "DESCRIBES" } else { "CONTAINS" };
        self.relationships.insert(Relationship {
            spdx_element_id: parent.to_owned(),
            relationship_type: verb,
            related_spdx_element: id.clone(),
        });
        let licence = if facts.licence.is_empty() { UNKNOWN } else { facts.licence };
        let checksum = facts.sha256.map(|d| Checksum { algorithm: "SHA256", checksum_value: d.to_string() });
        let reference = |locator| ExternalRef {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: locator,
        };
        self.packages.entry(id.clone()).or_insert_with(|| Package {
            id: id.clone(),
            name: facts.name.to_owned(),
            version_info: facts.version.to_owned(),
            download_location: UNKNOWN,
            files_analyzed: false,
            license_concluded: UNKNOWN,
            license_declared: licence.to_owned(),
            copyright_text: UNKNOWN,
            primary_package_purpose: purpose,
            checksums: checksum.into_iter().collect(),
            external_refs: facts.purl.map(reference).into_iter().collect(),
        });
        id
    }
}

/// What is known of a package.
#[derive(Default)]
struct Facts<'a> {
    kind: &'a str,
    name: &'a str,
    version: &'a str,
    licence: &'a str,
    sha256: Option<Digest>,
    purl: Option<String>,
}

/// Returns the document as JSON text.
#[must_use]
pub fn spdx(contents: &Contents<'_>) -> String {
    let mut all = Collector::default();
    let Contents { name, version, .. } = *contents;
    let image = Facts { kind: "image", name, version, ..Facts::default() };
    let image = all.add(DOCUMENT, "OPERATING-SYSTEM", image);
    for package in contents.packages {
        let purl = format!(
            "pkg:deb/debian/{}@{}?arch={}&distro=trixie",
            escape(&package.name),
            escape(&package.version),
            package.architecture
        );
        let facts = Facts {
            kind: "deb",
            name: &package.name,
            version: &package.version,
            sha256: Some(package.sha256),
            purl: Some(purl),
            ..Facts::default()
        };
        all.add(&image, "LIBRARY", facts);
    }
    contents.components.iter().for_each(|c| add_component(&mut all, &image, c));
    contents.programs.iter().for_each(|p| add_program(&mut all, &image, p));
    if let Some(kernel) = contents.kernel {
        let purl = format!("pkg:deb/debian/linux@{}?arch=source&distro=trixie", escape(&kernel.version));
        let (name, version, licence) =
            ("linux", kernel.version.as_str(), "GPL-2.0-only WITH Linux-syscall-note");
        let facts = Facts { kind: "kernel", name, version, licence, purl: Some(purl), ..Facts::default() };
        all.add(&image, "OPERATING-SYSTEM", facts);
    }
    render(contents, all)
}

/// Adds a component and the modules linked into it.
fn add_component(all: &mut Collector, image: &str, component: &BuiltComponent) {
    let BuiltComponent { name, version, licence, module, .. } = component;
    let go = |module: &str, version: &str| format!("pkg:golang/{module}@{}", escape(version));
    let purl = Some(go(module, &format!("v{version}")));
    let facts = Facts { kind: "component", name, version, licence, purl, ..Facts::default() };
    let id = all.add(image, "APPLICATION", facts);
    for module in &component.modules {
        let (name, version) = (module.path.as_str(), module.version.as_str());
        let purl = Some(go(if name == "std" { "stdlib" } else { name }, version));
        all.add(&id, "LIBRARY", Facts { kind: "go", name, version, purl, ..Facts::default() });
    }
    for (name, digest) in &component.libraries {
        let (version, sha256) = (digest.to_string(), Some(*digest));
        // A single file of the build host has no version: its hash distinguishes it.
        let id = all.add(
            &id,
            "LIBRARY",
            Facts { kind: "library", name, version: &version, sha256, ..Facts::default() },
        );
        all.packages.entry(id).and_modify(|p| p.version_info.clear());
    }
}

/// Adds a node program and the crates linked into it.
fn add_program(all: &mut Collector, image: &str, program: &BuiltProgram) {
    let (name, version) = (program.name.as_str(), program.version.as_str());
    let facts = Facts { kind: "program", name, version, licence: "Apache-2.0", ..Facts::default() };
    let id = all.add(image, "APPLICATION", facts);
    for part in &program.crates {
        let (name, version) = (part.name.as_str(), part.version.as_str());
        // Crates wrote "MIT/Apache-2.0" before SPDX expressions existed.
        let licence = part.licence.replace('/', " OR ");
        let purl = (!part.ours).then(|| format!("pkg:cargo/{name}@{}", escape(version)));
        all.add(
            &id,
            "LIBRARY",
            Facts { kind: "crate", name, version, licence: &licence, purl, sha256: None },
        );
    }
}

/// Assembles the document. Its namespace contains a hash of its content, so different documents have
/// different names.
fn render(contents: &Contents<'_>, all: Collector) -> String {
    let Collector { packages, relationships } = all;
    let packages: Vec<_> = packages.into_values().collect();
    let relationships: Vec<_> = relationships.into_iter().collect();
    let bytes = serde_json::to_vec(&(contents.created, &packages, &relationships));
    let hash = Digest::of(&bytes.expect("the document is plain data")).to_string();
    let name = format!("{}-{}", contents.name, contents.version);
    let document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        document_namespace: format!("https://ironhull.dev/spdx/{}-{}", escape(&name), &hash[..32]),
        name,
        creation_info: CreationInfo {
            created: calendar::utc(contents.created),
            creators: vec![format!("Tool: ironhull-{}", env!("CARGO_PKG_VERSION"))],
        },
        packages,
        relationships,
    };
    let mut text = serde_json::to_string_pretty(&document).expect("the document is plain data");
    text.push('\n');
    text
}

/// Joins words to an SPDX identifier: letters, digits, `.` and `-` only. If a character had to be replaced, a
/// hash of the words keeps the identifier unique.
fn identifier(words: &[&str]) -> String {
    let joined = words.join("--");
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let clean: String = joined.chars().map(|c| if sound(c) { c } else { '-' }).collect();
    if clean == joined {
        return format!("SPDXRef-{clean}");
    }
    format!("SPDXRef-{clean}-{}", &Digest::of(joined.as_bytes()).to_string()[..8])
}

/// Escapes a part of a package URL.
fn escape(text: &str) -> String {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._~:".contains(&b);
    text.bytes().map(|b| if sound(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests;

//! Contents of the planned files of the root, except for packages and overlays.

use std::collections::BTreeMap;
use std::fs;

use imagefacts::ImageFacts;

use crate::facts;
use crate::keys::Keys;
use crate::materials::Materials;
use crate::plan::{ARCHIVES, Content, Text};
use crate::root::Bytes;
use crate::{Error, error::Result, oci};

/// Returns the bytes of everything that the plan puts into the root.
///
/// # Errors
/// [`Error::File`] if a program can't be read, [`Error::Format`] if a container image can't be written.
pub(crate) fn contents(
    materials: &Materials,
    facts: &ImageFacts,
    keys: &Keys<'_>,
) -> Result<BTreeMap<Content, Bytes>> {
    let mut bytes = BTreeMap::new();
    for (component, built) in &materials.components {
        for (name, path) in &built.binaries {
            bytes.insert(Content::Component(*component, name.clone()), Bytes::File(path.clone()));
        }
    }
    for name in ["init", "noded"] {
        bytes.insert(Content::Program(name), Bytes::File(materials.program(name).path.clone()));
    }
    for name in ARCHIVES {
        let path = &materials.program(name).path;
        let binary = fs::read(path).map_err(Error::file("reading", path))?;
        let program = oci::Program { name, architecture: &facts.architecture, binary: &binary };
        let archive = oci::archive(&program);
        let archive = archive.map_err(Error::format("writing a container image"))?;
        bytes.insert(Content::Archive(name), Bytes::Memory(archive));
    }
    let texts = texts(materials, facts, keys);
    bytes.extend(texts.into_iter().map(|(text, bytes)| (Content::Text(text), Bytes::Memory(bytes))));
    Ok(bytes)
}

/// Returns the texts that the builder writes.
fn texts(materials: &Materials, facts: &ImageFacts, keys: &Keys<'_>) -> BTreeMap<Text, Vec<u8>> {
    let texts = [
        (Text::Certificates, materials.certificates.clone()),
        (Text::Facts, facts::json(facts).into_bytes()),
        (Text::OsRelease, facts::os_release(facts).into_bytes()),
        (Text::Sbom, materials.sbom.clone().into_bytes()),
    ];
    let update_keys = keys.update.clone().map(|bytes| (Text::UpdateKeys, bytes));
    texts.into_iter().chain(update_keys).collect()
}

//! Concatenates all certificates of the package ca-certificates, as its update script does.

use std::fs;

use super::deb::EntryKind;
use super::fetch::Unpacked;
use crate::error::{Error, Result};

/// The directory of the certificates in the package.
const FOLDER: &str = "usr/share/ca-certificates/";

/// Returns the content of `etc/ssl/certs/ca-certificates.crt`: every certificate of the package, sorted by
/// path.
///
/// # Errors
/// [`Error::Io`] if a certificate can't be read; [`Error::NoSuchFile`] if the package has none.
pub fn ca_bundle(package: &Unpacked) -> Result<Vec<u8>> {
    let mut files: Vec<_> = package
        .entries
        .iter()
        .filter(|e| e.path.starts_with(FOLDER) && e.path.ends_with(".crt"))
        .filter_map(|e| match &e.kind {
            EntryKind::File(bytes) => Some((&e.path, bytes)),
            _ => None,
        })
        .collect();
    files.sort();
    let mut bundle = Vec::new();
    for (_, bytes) in &files {
        bundle.extend(fs::read(bytes).map_err(Error::io("reading", bytes))?);
        if !bundle.ends_with(b"\n") {
            bundle.push(b'\n');
        }
    }
    if bundle.is_empty() {
        return Err(Error::NoSuchFile { package: package.name.clone(), path: format!("{FOLDER}**/*.crt") });
    }
    Ok(bundle)
}

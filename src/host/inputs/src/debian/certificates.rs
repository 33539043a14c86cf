//! All certificates of ca-certificates in one file, as its update script creates it.

use std::fs;

use super::deb::EntryKind;
use super::fetch::Unpacked;
use crate::error::{Error, Result};

/// Where the package has its certificates.
const FOLDER: &str = "usr/share/ca-certificates/";

/// Returns the bytes of `etc/ssl/certs/ca-certificates.crt`: every certificate of the package, by path.
///
/// # Errors
/// [`Error::Io`] if one can't be read; [`Error::NoSuchFile`] if there are none.
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

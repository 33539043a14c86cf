//! Fetches a pinned package into the cache, and unpacks it there.

use std::fs;
use std::path::{Path, PathBuf};

use super::deb::{self, Entry, EntryKind, Keep};
use super::lock::Locked;
use super::mirror::Mirror;
use crate::error::{Error, Result};
use crate::http::{Client, Download, Expected};
use crate::progress::{Progress, Step, Unit};
use crate::store::{KeyBuilder, Store};

/// An unpacked package.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// Name, for errors.
    pub name: String,
    /// Its files, in the order of the archive; bytes of files are absolute paths in the cache.
    pub entries: Vec<Entry>,
}

impl Unpacked {
    /// Returns where the bytes of a regular file are; hard links are followed.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`] if the package has no such file.
    pub fn file(&self, path: &str) -> Result<&Path> {
        let found = self.entries.iter().find(|e| e.path == path).map(|e| &e.kind);
        match found {
            Some(EntryKind::File(bytes)) => Ok(bytes),
            Some(EntryKind::Hardlink(target)) if target != path => self.file(target),
            _ => Err(Error::NoSuchFile { package: self.name.clone(), path: path.to_owned() }),
        }
    }
}

/// Returns the .deb of a package, fetched if it is not in the cache.
pub(crate) fn fetch(
    store: &Store,
    mirror: impl Fn() -> Result<Mirror>,
    package: &Locked,
    progress: &dyn Progress,
) -> Result<PathBuf> {
    let name = format!("{} {}", package.name, package.version);
    let key = KeyBuilder::new("deb", 1, &name).with("sha256", package.sha256.to_string()).finish();
    let content = store.get_or_fetch(&key, &format!("Debian package {name}"), |dir| {
        let url = mirror()?.url(&package.filename);
        let part = store.root().join("downloads").join(format!("{}.part", package.sha256));
        let step = Step::start(progress, &format!("fetch {}", package.name), Unit::Bytes, Some(package.size));
        let expected = Expected { size: package.size, sha256: package.sha256 };
        Client::new().download(&Download { url: &url, expected, part: &part, step: &step })?;
        let deb = dir.join("package.deb");
        fs::rename(&part, &deb).map_err(Error::io("moving", &part))
    })?;
    Ok(content.join("package.deb"))
}

/// Returns a package's files, fetched and unpacked if they are not in the cache.
pub(crate) fn fetch_unpacked(
    store: &Store,
    mirror: impl Fn() -> Result<Mirror>,
    (package, keep): (&Locked, Keep),
    progress: &dyn Progress,
) -> Result<Unpacked> {
    let name = format!("{} {}", package.name, package.version);
    let key = KeyBuilder::new("unpacked", 2, &name)
        .with("sha256", package.sha256.to_string())
        .with("keep", keep.name())
        .finish();
    let dir = store.get_or_make(&key, |dir| {
        let deb = fetch(store, &mirror, package, progress)?;
        let entries = deb::unpack(&deb, dir, keep)?;
        let list = dir.join("entries.json");
        let text = serde_json::to_vec(&entries).expect("entries are plain data");
        fs::write(&list, text).map_err(Error::io("writing", &list))
    })?;
    let list = dir.join("entries.json");
    let text = fs::read(&list).map_err(Error::io("reading", &list))?;
    let mut entries: Vec<Entry> = serde_json::from_slice(&text)
        .map_err(|e| Error::Archive { path: list.clone(), message: e.to_string() })?;
    for entry in &mut entries {
        if let EntryKind::File(bytes) = &mut entry.kind {
            *bytes = dir.join(&*bytes);
        }
    }
    Ok(Unpacked { name: package.name.clone(), entries })
}

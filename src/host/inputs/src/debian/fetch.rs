//! Downloads a pinned package into the cache, and unpacks it there.

use std::fs;
use std::path::{Path, PathBuf};

use super::deb::{self, Entry, EntryKind, Keep};
use super::lock::Locked;
use super::mirror::Mirror;
use crate::error::{Error, Result};
use crate::http::{Client, Download, Expected};
use crate::progress::{Progress, Step, Unit};
use crate::store::{Key, KeyBuilder, Store};

/// An unpacked package.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// Its name, for errors.
    pub name: String,
    /// Its files, in the order of the archive; the content of regular files is at absolute paths in the
    /// cache.
    pub entries: Vec<Entry>,
}

impl Unpacked {
    /// Returns the path of a regular file's content; hard links are followed.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`] if the package has no regular file at this path.
    pub fn file(&self, path: &str) -> Result<&Path> {
        let found = self.entries.iter().find(|e| e.path == path).map(|e| &e.kind);
        match found {
            Some(EntryKind::File(bytes)) => Ok(bytes),
            Some(EntryKind::Hardlink(target)) if target != path => self.file(target),
            _ => Err(Error::NoSuchFile { package: self.name.clone(), path: path.to_owned() }),
        }
    }
}

/// Returns the .deb of a package; downloads it if it is not in the cache.
pub(crate) fn fetch(
    store: &Store,
    mirror: impl Fn() -> Result<Mirror>,
    package: &Locked,
    progress: &dyn Progress,
) -> Result<PathBuf> {
    let key = deb_key(package);
    let what = format!("Debian package {} {}", package.name, package.version);
    let content = store.get_or_fetch(&key, &what, |dir| {
        let url = mirror()?.url(package.archive, &package.filename);
        let part = store.root().join("downloads").join(format!("{}.part", package.sha256));
        let step = Step::start(progress, &format!("fetch {}", package.name), Unit::Bytes, Some(package.size));
        let expected = Expected { size: package.size, sha256: package.sha256 };
        Client::new().download(&Download { url: &url, expected, part: &part, step: &step })?;
        let deb = dir.join("package.deb");
        fs::rename(&part, &deb).map_err(Error::io("moving", &part))
    })?;
    Ok(content.join("package.deb"))
}

/// Returns the cache key of a package's .deb.
fn deb_key(package: &Locked) -> Key {
    let name = format!("{} {}", package.name, package.version);
    KeyBuilder::new("deb", 1, &name).with("sha256", package.sha256.to_string()).finish()
}

/// Returns a package's files; downloads and unpacks it if it is not in the cache.
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
        let entries =
            deb::unpack(&deb, dir, keep).map_err(|e| e.in_package((&package.name, &package.version)))?;
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

#[cfg(test)]
mod tests {
    use super::super::archive::Archive;
    use super::*;
    use crate::digest::Digest;
    use crate::progress::Silent;
    use crate::store::Mode;

    #[test]
    fn a_package_that_can_not_be_unpacked_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("cache"), Mode::Offline).unwrap();
        let package = Locked {
            name: "odd".to_owned(),
            version: "1:2.0-3".to_owned(),
            architecture: "all".to_owned(),
            source: "odd".to_owned(),
            uses: [].into(),
            archive: Archive::Main,
            filename: "odd.deb".to_owned(),
            size: 4,
            sha256: Digest::of(b"odd"),
            wanted_by: [].into(),
        };
        let made = store.get_or_make(&deb_key(&package), |dir| {
            fs::write(dir.join("package.deb"), "odd").map_err(Error::io("writing", dir))
        });
        made.unwrap();
        let mirror = || Ok(Mirror::at("http://deb.example.org", None));
        let error = fetch_unpacked(&store, mirror, (&package, Keep::All), &Silent).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("unpacking package odd 1:2.0-3 from "), "{text}");
        assert!(text.ends_with(": expected an ar archive, found a shorter file"), "{text}");
    }
}

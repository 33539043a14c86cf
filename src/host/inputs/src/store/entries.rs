//! Lists cache entries and removes unneeded ones.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::{Store, remove};
use crate::digest::Digest;
use crate::error::{Error, Result};

/// One entry of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is, for display.
    pub name: String,
    /// Its key.
    pub key: Digest,
    /// Size of its files in bytes.
    pub bytes: u64,
    /// When it was last used.
    pub last_used: SystemTime,
}

/// What pruning removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Number of entries.
    pub entries: usize,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Store {
    /// Lists all complete entries, the most recently used first.
    ///
    /// # Errors
    /// [`Error::Io`] if the cache can't be read.
    pub fn list(&self) -> Result<Vec<Entry>> {
        let objects = self.root.join("objects");
        let mut entries = Vec::new();
        for dir in fs::read_dir(&objects).map_err(Error::io("listing", &objects))? {
            let path = dir.map_err(Error::io("listing", &objects))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let about = path.join("about");
            let (Ok(key), Ok(text)) = (name.parse(), fs::read_to_string(&about)) else { continue };
            let last_used =
                about.metadata().and_then(|m| m.modified()).map_err(Error::io("reading", &about))?;
            entries.push(Entry { name: text.trim_end().to_owned(), key, bytes: size(&path)?, last_used });
        }
        entries.sort_by(|a, b| b.last_used.cmp(&a.last_used).then(a.key.cmp(&b.key)));
        Ok(entries)
    }

    /// Removes every entry for which `keep` returns false.
    ///
    /// # Errors
    /// [`Error::Io`] if an entry can't be removed; those before it are removed.
    pub fn prune(&self, mut keep: impl FnMut(&Entry) -> bool) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        for entry in self.list()? {
            if keep(&entry) {
                continue;
            }
            let path = self.root.join("objects").join(entry.key.to_string());
            // Renamed away first, so that nobody finds a partly removed entry.
            let going = self.root.join("tmp").join(format!("{}.pruned", entry.key));
            remove(&going)?;
            fs::rename(&path, &going).map_err(Error::io("removing", &path))?;
            remove(&going)?;
            pruned.entries += 1;
            pruned.bytes += entry.bytes;
        }
        Ok(pruned)
    }
}

/// Returns the size of all files below `path` in bytes.
fn size(path: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(path).map_err(Error::io("listing", path))? {
        let entry = entry.map_err(Error::io("listing", path))?;
        let meta = entry.metadata().map_err(Error::io("reading", entry.path()))?;
        total += if meta.is_dir() { size(&entry.path())? } else { meta.len() };
    }
    Ok(total)
}

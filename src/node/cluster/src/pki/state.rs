//! What already exists on the state partition.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::place::PKI_DIRECTORY;
use crate::apply::below;
use crate::error::{Error, io};

/// Maximum length of a file; a certificate has about 1 KiB.
const MAX_BYTES: u64 = 64 << 10;

/// The text files in the PKI directory, by absolute path.
#[derive(Clone, Default)]
pub struct State(BTreeMap<PathBuf, String>);

impl std::fmt::Debug for State {
    /// Shows only the paths, since some files are keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl State {
    /// The empty state of a first boot.
    #[must_use]
    pub fn empty() -> Self {
        State::default()
    }

    /// Reads the files in the PKI directory below `root` (`/` on a node). Of a file that is too long only the
    /// beginning is read, and bytes that are not UTF-8 are replaced: neither can be a key or a certificate.
    ///
    /// # Errors
    /// [`Error::Io`] if a file or directory can't be read. A missing PKI directory is not an error.
    pub fn load(root: &Path) -> Result<Self, Error> {
        let mut found = BTreeMap::new();
        for directory in list(&below(root, Path::new(PKI_DIRECTORY)))? {
            if !directory.is_dir() {
                continue;
            }
            for file in list(&directory)?.into_iter().filter(|f| f.is_file()) {
                let inside = file.strip_prefix(root).unwrap_or(&file);
                found.insert(Path::new("/").join(inside), read_text(&file)?);
            }
        }
        Ok(State(found))
    }

    /// Returns the text of a file, if it exists.
    pub(crate) fn get(&self, path: &Path) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Returns a state in which these planned files exist.
    #[cfg(test)]
    pub(crate) fn with(files: &[crate::File]) -> Self {
        let text = |f: &crate::File| String::from_utf8(f.contents.clone()).unwrap();
        State(files.iter().map(|f| (f.path.clone(), text(f))).collect())
    }

    /// Changes the text of a file, or removes it.
    #[cfg(test)]
    pub(crate) fn set(&mut self, path: &Path, text: Option<&str>) {
        self.0.remove(path);
        self.0.extend(text.map(|t| (path.to_owned(), t.to_owned())));
    }
}

/// Returns the entries of a directory; none if it does not exist.
fn list(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io("listing", directory)(e)),
    };
    entries.map(|e| e.map(|e| e.path()).map_err(io("listing", directory))).collect()
}

/// Reads the text of a file.
fn read_text(path: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(io("reading", path))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(io("reading", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

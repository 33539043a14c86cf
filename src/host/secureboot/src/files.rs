//! New files only: all of them or none, keys for their owner alone.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Public,
    /// Its owner.
    Private,
}

/// A file to be written.
#[derive(Debug)]
pub(crate) struct NewFile {
    /// Name in its directory.
    pub name: String,
    pub access: Access,
    pub bytes: Vec<u8>,
}

/// Refuses a directory that has one of the files.
pub(crate) fn check_absent(dir: &Path, names: impl IntoIterator<Item = String>) -> Result<()> {
    let paths = names.into_iter().map(|name| dir.join(name));
    match paths.into_iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(Error::Exists(path)),
        None => Ok(()),
    }
}

/// Writes all files into `dir`, which is made if it is not there. After an error none of them is there.
pub(crate) fn write_all(dir: &Path, files: &[NewFile]) -> Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| Error::File { doing: "making directory", path: dir.to_owned(), source })?;
    let mut written: Vec<PathBuf> = Vec::new();
    for file in files {
        let path = dir.join(&file.name);
        if let Err(source) = write(&path, file, &mut written) {
            // The first error is the one to tell.
            written.iter().for_each(|path| drop(fs::remove_file(path)));
            return Err(Error::File { doing: "writing", path, source });
        }
    }
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| Error::File { doing: "writing directory", path: dir.to_owned(), source })
}

/// Writes a file that must not be there, and notes that it is.
fn write(path: &Path, file: &NewFile, written: &mut Vec<PathBuf>) -> io::Result<()> {
    let mode = if file.access == Access::Private { 0o600 } else { 0o644 };
    let mut out = File::options().write(true).create_new(true).mode(mode).open(path)?;
    written.push(path.to_owned());
    out.write_all(&file.bytes)?;
    out.sync_all()
}

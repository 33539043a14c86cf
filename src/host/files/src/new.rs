//! Creates new files: all of them or none.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::output::sync_directory;
use crate::{Access, Error, Result, directory};

/// A file to be created.
#[derive(Clone)]
pub struct NewFile {
    /// Its path; the directory exists.
    pub path: PathBuf,
    /// Who may read it.
    pub access: Access,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for NewFile {
    /// Leaves out the content, which may be a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewFile")
            .field("path", &self.path)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// Checks that nothing exists at these paths, not even a dangling link; for an early check before the work.
///
/// # Errors
/// [`Error::Exists`] with the first existing path; [`Error::Io`] if a path can't be examined.
pub fn check_absent(paths: &[PathBuf]) -> Result<()> {
    match paths.iter().find(|p| p.symlink_metadata().is_ok()) {
        Some(path) => Err(Error::Exists(path.clone())),
        None => Ok(()),
    }
}

/// Creates files in order, and syncs them.
///
/// # Errors
/// [`Error::Exists`] if one exists already, [`Error::Io`] if one can't be written. Those created before are
/// removed.
pub fn create_new(files: &[NewFile]) -> Result<()> {
    check_absent(&files.iter().map(|f| f.path.clone()).collect::<Vec<_>>())?;
    let mut made = Vec::new();
    let written = files.iter().try_for_each(|file| {
        create(file, &mut made).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => Error::Exists(file.path.clone()),
            _ => Error::io("writing", &file.path)(e),
        })
    });
    if written.is_err() {
        // The first error is the one to report.
        made.iter().for_each(|path| drop(fs::remove_file(path)));
        return written;
    }
    let directories: BTreeSet<_> = files.iter().map(|f| directory(&f.path)).collect();
    directories.into_iter().try_for_each(sync_directory)
}

/// Creates a file that must not exist, and adds it to `made`.
fn create(file: &NewFile, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let mode = file.access.mode_of_new();
    let mut out = File::options().write(true).create_new(true).mode(mode).open(&file.path)?;
    made.push(file.path.clone());
    out.write_all(&file.bytes)?;
    out.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    use super::*;

    fn file(path: &Path, access: Access) -> NewFile {
        NewFile { path: path.to_owned(), access, bytes: b"text".to_vec() }
    }

    #[test]
    fn all_files_are_there_or_none() {
        let lab = tempfile::tempdir().unwrap();
        let [key, public, link] = ["key", "pub", "link"].map(|n| lab.path().join(n));
        let absent = file(&lab.path().join("absent/file"), Access::Public);
        let both = [file(&key, Access::Private), file(&public, Access::Public)];
        assert!(matches!(create_new(&[both[0].clone(), absent]), Err(Error::Io { .. })));
        assert_eq!(fs::read_dir(lab.path()).unwrap().count(), 0);
        create_new(&both).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(create_new(&both), Err(Error::Exists(p)) if p == key));
        symlink("nowhere", &link).unwrap();
        let other = file(&lab.path().join("other"), Access::Public);
        assert!(matches!(create_new(&[other.clone(), file(&link, Access::Public)]), Err(Error::Exists(_))));
        assert!(!other.path.exists() && !lab.path().join("nowhere").exists());
    }
}

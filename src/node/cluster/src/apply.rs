//! Creates the planned directories and files; nothing else in this crate writes.
//!
//! A file is replaced atomically (written beside, synced, renamed), so that a power cut leaves either the old
//! or the new one, complete. Files that are already as planned are not touched.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use control::User;
use durable::Draft;

use crate::error::{Error, io};
use crate::file::{Directory, File};

/// Whether owners are set; only root can do so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// As planned.
    Set,
    /// All files belong to the calling user, as in tests.
    Keep,
}

/// Creates `directories` in order and writes `files` in order, below `root` (`/` on a node). Returns the
/// paths of the files that changed, without `root`.
///
/// All new files are written before the first one is renamed, so that the disk is synced a few times instead
/// of once for each file.
///
/// # Errors
/// [`Error::Io`] with the first path that fails. No file is half-written; some may be new and some old.
pub fn apply(
    root: &Path,
    directories: &[Directory],
    files: &[File],
    ownership: Ownership,
) -> Result<Vec<PathBuf>, Error> {
    for directory in directories {
        make_directory(&below(root, &directory.path), directory, ownership)?;
    }
    let (mut changed, mut written) = (Vec::new(), Vec::new());
    for file in files {
        let path = below(root, &file.path);
        if !is_as_planned(&path, file, ownership)? {
            written.push((draft(&path, file, ownership)?, path));
            changed.push(file.path.clone());
        }
    }
    for (draft, path) in &written {
        draft.sync().map_err(io("syncing", path))?;
    }
    let parents: BTreeSet<PathBuf> =
        written.iter().filter_map(|(_, path)| path.parent()).map(Path::to_owned).collect();
    for (draft, path) in written {
        draft.publish().map_err(io("replacing", path))?;
    }
    for parent in parents {
        durable::sync_directory(&parent).map_err(io("syncing", parent))?;
    }
    Ok(changed)
}

/// Returns an absolute path below `root`.
pub(crate) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn make_directory(path: &Path, wanted: &Directory, ownership: Ownership) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(io("making", path))?;
    if ownership == Ownership::Set {
        chown(path, Some(wanted.owner.uid), Some(wanted.owner.gid)).map_err(io("giving away", path))?;
    }
    fs::set_permissions(path, Permissions::from_mode(wanted.mode)).map_err(io("setting the mode of", path))
}

/// Returns whether the file has the planned content, mode and owner.
fn is_as_planned(path: &Path, wanted: &File, ownership: Ownership) -> Result<bool, Error> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(io("looking at", path)(e)),
    };
    let owner = User { uid: found.uid(), gid: found.gid() };
    if !found.is_file()
        || found.mode() & 0o7777 != wanted.mode
        || (ownership == Ownership::Set && owner != wanted.owner)
        || found.len() != wanted.contents.len() as u64
    {
        return Ok(false);
    }
    Ok(fs::read(path).map_err(io("reading", path))? == wanted.contents)
}

/// Writes the draft of a file, inaccessible to others until it has its owner.
fn draft(path: &Path, wanted: &File, ownership: Ownership) -> Result<Draft, Error> {
    let draft = Draft::write(path, &wanted.contents).map_err(io("writing", path))?;
    if ownership == Ownership::Set {
        let owner = wanted.owner;
        fchown(draft.file(), Some(owner.uid), Some(owner.gid)).map_err(io("giving away", path))?;
    }
    let mode = Permissions::from_mode(wanted.mode);
    draft.file().set_permissions(mode).map_err(io("setting the mode of", path))?;
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_differs_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let directories = [Directory::private("/a", User::ROOT), Directory::public("/a/b")];
        let mut files = vec![File::private("/a/key", User::ROOT, "k"), File::public("/a/b/cert", "c")];
        let run = |files: &[File]| apply(root.path(), &directories, files, Ownership::Keep).unwrap();
        assert_eq!(run(&files), [PathBuf::from("/a/key"), PathBuf::from("/a/b/cert")]);
        assert_eq!(run(&files), Vec::<PathBuf>::new());
        files[1].contents = b"d".to_vec();
        assert_eq!(run(&files), [PathBuf::from("/a/b/cert")]);
        files[0].mode = 0o640;
        assert_eq!(run(&files), [PathBuf::from("/a/key")]);
        let mode = |p: &str| fs::metadata(root.path().join(p)).unwrap().mode() & 0o7777;
        assert_eq!((mode("a"), mode("a/b"), mode("a/key"), mode("a/b/cert")), (0o700, 0o755, 0o640, 0o644));
    }

    #[test]
    fn survives_what_a_killed_run_left_behind() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("x.new"), "half").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("x")).unwrap();
        let files = [File::public("/x", "whole")];
        apply(root.path(), &[], &files, Ownership::Keep).unwrap();
        assert_eq!(fs::read(root.path().join("x")).unwrap(), b"whole");
        assert!(!fs::symlink_metadata(root.path().join("x")).unwrap().is_symlink());
    }
}

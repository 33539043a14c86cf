//! The one place that writes: makes planned directories and files real.
//!
//! A file is replaced in one step (written beside, synced, renamed), so that a power cut leaves the old
//! one or the new one, whole. What is already as planned is not touched.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use control::User;

use crate::error::{Error, io};
use crate::file::{Directory, File};

/// Whether owners are set; only root can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// As planned.
    Set,
    /// All files belong to whoever runs this: for trying a plan out.
    Keep,
}

/// Makes `directories` in order and writes `files` in order, below `root` (`/` on a node). Returns the
/// paths of the files that changed, without `root`.
///
/// All new files are written before the first is put in its place, so that the disk is waited for a few
/// times, not for each file.
///
/// # Errors
/// [`Error::Io`] at the first path that fails. No file is half-written; some may be new and some old.
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
            written.push((write_beside(&path, file, ownership)?, path));
            changed.push(file.path.clone());
        }
    }
    for (beside, file) in &written {
        beside.sync_all().map_err(io("syncing", file))?;
    }
    for (_, path) in &written {
        fs::rename(beside(path), path).map_err(io("replacing", path))?;
    }
    let parents: BTreeSet<&Path> = written.iter().filter_map(|(_, path)| path.parent()).collect();
    for parent in parents {
        fs::File::open(parent).and_then(|d| d.sync_all()).map_err(io("syncing", parent))?;
    }
    Ok(changed)
}

/// The place of an absolute path below `root`.
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

/// Whether the file is there with the contents, mode and owner that it shall have.
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

/// The name under which a file is written before it takes its place.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    path.with_file_name(name)
}

/// Writes the file beside its place, open to nobody else until it has its owner.
fn write_beside(path: &Path, wanted: &File, ownership: Ownership) -> Result<fs::File, Error> {
    let beside = beside(path);
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(io("removing", &beside)(e)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(0o600).open(&beside).map_err(io("creating", &beside))?;
    file.write_all(&wanted.contents).map_err(io("writing", &beside))?;
    if ownership == Ownership::Set {
        fchown(&file, Some(wanted.owner.uid), Some(wanted.owner.gid)).map_err(io("giving away", &beside))?;
    }
    file.set_permissions(Permissions::from_mode(wanted.mode)).map_err(io("setting the mode of", &beside))?;
    Ok(file)
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

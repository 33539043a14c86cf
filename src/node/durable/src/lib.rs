//! Replaces a file on a node atomically: after a power cut either the old or the new file is there, complete.
//!
//! The new bytes go into a draft beside the file, `NAME.new`, which is synced and renamed; then the directory is
//! synced. A draft has a fixed name, since each file has one writer: a leftover of a power cut is overwritten by the
//! next attempt, so leftovers never accumulate. Files that an operator names on another machine need other care
//! (links, devices, two commands at once), which is not here.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Replaces the file at `path` by one with these bytes and permission bits, owned by this process. A symbolic
/// link at `path` is replaced, not followed.
///
/// # Errors
/// The I/O error of the step that failed. The old file is unchanged, and the draft is removed; only if
/// syncing the directory failed, the new file is in place, but may be lost in a power cut.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = Draft::write(path, bytes)?;
    draft.file().set_permissions(Permissions::from_mode(mode))?;
    draft.sync()?;
    draft.publish()?;
    sync_directory(path.parent().unwrap_or(Path::new("/")))
}

/// Syncs the entries of a directory, so that renames in it survive a power cut.
///
/// # Errors
/// The I/O error of opening or syncing the directory. Its entries are unchanged.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The new content of a file, in a draft beside it; removed when dropped before [`Draft::publish`].
///
/// For replacing many files while waiting for the disk only once: write all drafts, sync them, publish them,
/// sync their directories.
#[derive(Debug)]
pub struct Draft {
    /// The file that the draft will replace.
    path: PathBuf,
    file: File,
    published: bool,
}

impl Draft {
    /// Writes the draft of `path`, mode 0600. An older draft of the same file is overwritten.
    ///
    /// # Errors
    /// The I/O error of removing an older draft, or of creating or writing this one. `path` is unchanged, and
    /// no draft of this call is left.
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<Draft> {
        let name = draft_path(path);
        match fs::remove_file(&name) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = File::options().write(true).create_new(true).mode(0o600).open(&name)?;
        let mut draft = Draft { path: path.to_owned(), file, published: false };
        draft.file.write_all(bytes)?;
        Ok(draft)
    }

    /// Returns the file, to set its owner and permission bits.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Waits until the content of the draft is on the disk.
    ///
    /// # Errors
    /// The I/O error of syncing. The draft is still there, but may be lost in a power cut.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Renames the draft to the file it replaces. The directory is not synced.
    ///
    /// # Errors
    /// The I/O error of renaming. The file is unchanged, and the draft is removed.
    pub fn publish(mut self) -> io::Result<()> {
        fs::rename(draft_path(&self.path), &self.path)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // A draft that can't be removed now is overwritten by the next attempt.
            drop(fs::remove_file(draft_path(&self.path)));
        }
    }
}

/// Returns the name of a file's draft.
fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_the_new_bytes_and_mode_and_no_draft_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        // A draft left by a power cut does not get in the way.
        fs::write(folder.path().join("config.yaml.new"), "half").unwrap();
        for (text, mode) in [("one", 0o600), ("two", 0o644), ("", 0o444), ("three", 0o666)] {
            replace(&path, text.as_bytes(), mode).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            // Independent of the umask.
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
            assert_eq!(names(folder.path()), ["config.yaml"]);
        }
    }

    #[test]
    fn a_link_is_replaced_and_its_target_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&target, "target").unwrap();
        symlink(&target, &path).unwrap();
        replace(&path, b"new", 0o600).unwrap();
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "target");
    }

    #[test]
    fn a_failure_leaves_the_old_and_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"new", 0o600).is_err());
        assert_eq!(names(folder.path()), ["a"]);
        assert!(replace(&folder.path().join("absent/a"), b"new", 0o600).is_err());
    }
}

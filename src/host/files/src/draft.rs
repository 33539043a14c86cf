//! The new content of a file until it is complete, in a draft in the same directory.
//!
//! The draft has no name if the file system supports that, so a killed process leaves nothing. It gets a name
//! just before it replaces the file, since a rename needs one.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
use tempfile::{Builder, NamedTempFile};

/// Prefix of a draft's name; the rest is random.
const NAME: &str = ".ironhull-";

/// A file that only its writer uses.
#[derive(Debug)]
pub(crate) enum Draft {
    /// Removed when it is closed.
    Unnamed { file: File, directory: PathBuf },
    /// Removed when this is dropped.
    Named(NamedTempFile),
}

impl Draft {
    /// Creates an empty file in `directory`, with this mode as limited by the umask.
    pub(crate) fn new(directory: &Path, mode: u32) -> io::Result<Draft> {
        match Draft::unnamed(directory, mode) {
            Ok(draft) => Ok(draft),
            // Whatever the reason, the named draft works, or gives the better error.
            Err(_) => Draft::named(directory, mode),
        }
    }

    fn unnamed(directory: &Path, mode: u32) -> io::Result<Draft> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = File::from(openat(CWD, directory, flags, Mode::from_raw_mode(mode))?);
        // Without `/proc` the file could not be named later.
        descriptor(&file).metadata()?;
        Ok(Draft::Unnamed { file, directory: directory.to_owned() })
    }

    fn named(directory: &Path, mode: u32) -> io::Result<Draft> {
        let mode = Permissions::from_mode(mode);
        Builder::new().prefix(NAME).permissions(mode).tempfile_in(directory).map(Draft::Named)
    }

    /// Returns the file for writing.
    pub(crate) fn file(&self) -> &File {
        match self {
            Draft::Unnamed { file, .. } => file,
            Draft::Named(file) => file.as_file(),
        }
    }

    /// Renames the draft to `path`, replacing an existing file. After an error `path` is unchanged, and the
    /// draft is removed.
    pub(crate) fn persist(self, path: &Path) -> io::Result<()> {
        match self {
            Draft::Named(file) => file.persist(path).map(drop).map_err(|e| e.error),
            Draft::Unnamed { file, directory } => {
                let from = descriptor(&file);
                let link = |to: &Path| Ok(linkat(CWD, &from, CWD, to, AtFlags::SYMLINK_FOLLOW)?);
                let named = Builder::new().prefix(NAME).make_in(directory, link)?;
                named.persist(path).map(drop).map_err(|e| e.error)
            }
        }
    }
}

/// Creates a symbolic link to `target` at `path`, replacing an existing file or link.
///
/// # Errors
/// The I/O error of creating or renaming the link; `path` is unchanged then.
pub fn link(target: &Path, path: &Path) -> io::Result<()> {
    let directory = crate::directory(path);
    let named = Builder::new().prefix(NAME).make_in(directory, |p| std::os::unix::fs::symlink(target, p))?;
    named.persist(path).map(drop).map_err(|e| e.error)
}

/// Returns a path to an open file that does not depend on its name.
fn descriptor(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn a_draft_has_no_name_until_it_is_in_its_place() {
        let lab = tempfile::tempdir().unwrap();
        let count = || fs::read_dir(lab.path()).unwrap().count();
        let path = lab.path().join("file");
        let put = |draft: Draft| {
            draft.file().write_all(&[7]).unwrap();
            draft.persist(&path).unwrap();
            assert_eq!((count(), fs::read(&path).unwrap()), (1, vec![7]));
        };
        put(Draft::named(lab.path(), 0o640).unwrap());
        match Draft::unnamed(lab.path(), 0o600) {
            Ok(draft) => {
                assert_eq!(count(), 1);
                put(draft);
            }
            Err(_) => judges::missing("files without a name in the temporary directory"),
        }
        drop(Draft::named(lab.path(), 0o600).unwrap());
        assert_eq!(count(), 1);
        assert!(Draft::new(&lab.path().join("absent"), 0o600).is_err());
        assert!(Draft::new(lab.path(), 0o600).unwrap().persist(lab.path()).is_err());
        assert_eq!(count(), 1);
    }

    #[test]
    fn a_link_takes_the_place_of_another() {
        let lab = tempfile::tempdir().unwrap();
        let path = lab.path().join("link");
        for target in ["/nowhere", "/elsewhere"] {
            link(Path::new(target), &path).unwrap();
            assert_eq!(fs::read_link(&path).unwrap(), Path::new(target));
        }
        assert_eq!(fs::read_dir(lab.path()).unwrap().count(), 1);
    }
}

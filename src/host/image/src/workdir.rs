//! A hidden directory for unfinished files.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use inputs::Workspace;

use crate::{Error, error::Result};

/// A hidden directory for unfinished files, used by one build at a time.
#[derive(Debug)]
pub(crate) struct WorkDir {
    /// Its path.
    pub dir: PathBuf,
    name: String,
    /// Locked as long as the directory is in use.
    _lock: File,
}

impl WorkDir {
    /// Creates the directory; waits for another build of the same image, and removes what a killed one left.
    pub(crate) fn create(workspace: &Workspace, output: &Path, name: &str) -> Result<WorkDir> {
        let lock_path = output.join(format!(".{name}.lock"));
        let lock = open_lock(&lock_path).map_err(Error::file("opening", &lock_path))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let line = format!("waiting for another build, which writes {name} into {}", output.display());
            workspace.progress().said(&line);
        }
        lock.lock().map_err(Error::file("locking", &lock_path))?;
        let dir = directory(output, name);
        match fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("removing", dir)(e));
            }
            _ => {}
        }
        fs::create_dir(&dir).map_err(Error::file("making directory", &dir))?;
        Ok(WorkDir { dir, name: name.to_owned(), _lock: lock })
    }

    /// Returns whether a build of the image is running, or one that was killed has left something.
    pub(crate) fn is_there(output: &Path, name: &str) -> bool {
        directory(output, name).exists()
    }

    /// Returns the name of the image's file with this extension.
    pub(crate) fn name(&self, ending: &str) -> String {
        format!("{}.{ending}", self.name)
    }

    /// Returns the path of the unfinished file with this extension.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        self.dir.join(self.name(ending))
    }
}

fn directory(output: &Path, name: &str) -> PathBuf {
    output.join(format!(".{name}.building"))
}

/// Opens a lock file, created if necessary. Its name is predictable, so it is not truncated, and a link is
/// not followed.
fn open_lock(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    File::options().create(true).truncate(false).write(true).custom_flags(flags).open(path)
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // The finished files have been moved away. What can't be removed now is removed by the next build.
        drop(fs::remove_dir_all(&self.dir));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, lock) = (dir.path().join("precious"), dir.path().join(".x.lock"));
        fs::write(&file, "1").unwrap();
        std::os::unix::fs::symlink(&file, &lock).unwrap();
        assert!(open_lock(&lock).is_err());
        assert_eq!(fs::read(&file).unwrap(), b"1");
        fs::remove_file(&lock).unwrap();
        open_lock(&lock).unwrap();
        open_lock(&lock).unwrap();
    }
}

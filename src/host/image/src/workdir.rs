//! A hidden directory for files in the making.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use inputs::Workspace;

use crate::{Error, error::Result};

/// A hidden directory for files in the making, for one build at a time.
#[derive(Debug)]
pub(crate) struct WorkDir {
    /// Where it is.
    pub dir: PathBuf,
    name: String,
    /// Held as long as the directory is in use.
    _lock: File,
}

impl WorkDir {
    /// Makes the directory; waits for another build of the same image, and removes what a killed one left.
    pub(crate) fn create(workspace: &Workspace, output: &Path, name: &str) -> Result<WorkDir> {
        let lock_path = output.join(format!(".{name}.lock"));
        let lock = File::create(&lock_path).map_err(Error::file("opening", &lock_path))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let line = format!("waiting for another build, which writes {name} into {}", output.display());
            workspace.progress().said(&line);
        }
        lock.lock().map_err(Error::file("locking", &lock_path))?;
        let dir = output.join(format!(".{name}.building"));
        match fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("removing", dir)(e));
            }
            _ => {}
        }
        fs::create_dir(&dir).map_err(Error::file("making directory", &dir))?;
        Ok(WorkDir { dir, name: name.to_owned(), _lock: lock })
    }

    /// Returns the name of the image's file with this ending.
    pub(crate) fn name(&self, ending: &str) -> String {
        format!("{}.{ending}", self.name)
    }

    /// Returns the path of a file in the making.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        self.dir.join(self.name(ending))
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // Finished files have left under another name. What can't be removed now is removed by the next build.
        drop(fs::remove_dir_all(&self.dir));
    }
}

//! One cgroup, version 2: a directory of the cgroup file system and its control files.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::error::{During, SysError};

/// A cgroup, identified by its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Returns the cgroup at `path`, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Cgroup {
        Cgroup { path: path.into() }
    }

    /// Creates the directory unless it exists.
    ///
    /// # Errors
    /// [`SysError`] naming the directory, if it can't be created.
    pub fn create(&self) -> Result<(), SysError> {
        fs::create_dir_all(&self.path).during("making cgroup", self.path.display())
    }

    /// Enables every controller of this cgroup for its children, except those that can't be enabled.
    ///
    /// # Errors
    /// [`SysError`] if the list of controllers can't be read; none is enabled then.
    pub fn enable_controllers(&self) -> Result<(), SysError> {
        let list = self.path.join("cgroup.controllers");
        let names = fs::read_to_string(&list).during("reading", list.display())?;
        for name in names.split_whitespace() {
            // A controller that is used by a version 1 hierarchy can't be enabled; then nothing of ours needs
            // it.
            drop(fs::write(self.path.join("cgroup.subtree_control"), format!("+{name}")));
        }
        Ok(())
    }

    /// Writes a control file.
    ///
    /// # Errors
    /// [`SysError`] naming the file, for instance if its controller is not enabled; the old value stays.
    pub fn set(&self, file: &str, value: &str) -> Result<(), SysError> {
        let path = self.path.join(file);
        fs::write(&path, value).during("writing", path.display())
    }

    /// Opens the directory, for starting a process in the cgroup.
    ///
    /// # Errors
    /// [`SysError`] naming the directory, if it can't be opened.
    pub fn open(&self) -> Result<OwnedFd, SysError> {
        let file = fs::File::open(&self.path).during("opening cgroup", self.path.display())?;
        Ok(file.into())
    }

    /// Kills every process in it and below.
    ///
    /// # Errors
    /// [`SysError`] naming the control file, if it can't be written; the processes then keep running.
    pub fn kill(&self) -> Result<(), SysError> {
        self.set("cgroup.kill", "1")
    }

    /// Returns whether the cgroup or one below it has a process; if that can't be read, it has none.
    #[must_use]
    pub fn is_populated(&self) -> bool {
        let events = fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
        events.lines().any(|l| l == "populated 1")
    }

    /// Removes the cgroup and everything below; it must have no processes.
    ///
    /// # Errors
    /// [`SysError`] naming the first directory that can't be removed; those below it are gone. A missing
    /// cgroup is not an error.
    pub fn remove(&self) -> Result<(), SysError> {
        for child in self.children() {
            child.remove()?;
        }
        match fs::remove_dir(&self.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(e).during("removing cgroup", self.path.display())
            }
            _ => Ok(()),
        }
    }

    /// Returns the direct children.
    #[must_use]
    pub fn children(&self) -> Vec<Cgroup> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| Cgroup::at(e.path())).collect()
    }

    /// Returns its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

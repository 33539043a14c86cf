//! One cgroup, version 2: a directory of the cgroup file system and its control files.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::error::{During, SysError};

/// A cgroup by its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Returns the cgroup at `path`, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Cgroup {
        Cgroup { path: path.into() }
    }

    /// Makes the directory, if it is not there.
    ///
    /// # Errors
    /// [`SysError`] naming the directory, if it can't be created.
    pub fn create(&self) -> Result<(), SysError> {
        fs::create_dir_all(&self.path).during("making cgroup", self.path.display())
    }

    /// Hands every controller that this cgroup has on to its children; one that refuses is left out.
    ///
    /// # Errors
    /// [`SysError`] if the list of controllers cannot be read.
    pub fn enable_controllers(&self) -> Result<(), SysError> {
        let list = self.path.join("cgroup.controllers");
        let names = fs::read_to_string(&list).during("reading", list.display())?;
        for name in names.split_whitespace() {
            // A controller that a version 1 hierarchy holds refuses: nothing of ours needs it then.
            drop(fs::write(self.path.join("cgroup.subtree_control"), format!("+{name}")));
        }
        Ok(())
    }

    /// Writes a control file.
    ///
    /// # Errors
    /// [`SysError`] naming the file, as when its controller is missing.
    pub fn set(&self, file: &str, value: &str) -> Result<(), SysError> {
        let path = self.path.join(file);
        fs::write(&path, value).during("writing", path.display())
    }

    /// Opens the directory, for a process to be started in.
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

    /// Returns whether a process lives in it or below; one that cannot be read has none.
    #[must_use]
    pub fn is_populated(&self) -> bool {
        let events = fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
        events.lines().any(|l| l == "populated 1")
    }

    /// Removes it and everything below; it must have no processes.
    ///
    /// # Errors
    /// [`SysError`] naming the first directory that stays. That there was none is no error.
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

    /// Returns the cgroups right below.
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

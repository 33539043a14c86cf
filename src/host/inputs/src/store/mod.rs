//! The content-addressed cache: downloads and build results, found by the hash of all their inputs.
//!
//! ```text
//! objects/<key>/about      what it is, one line
//! objects/<key>/content/   the result; never changed afterwards
//! tmp/<key>.<pid>/         in progress; renamed to objects/ when complete
//! locks/<key>              locked by the process that makes the entry; others wait
//! downloads/ go/ target/ logs/ memo/   working state of downloads and tools, kept between builds
//! ```
//! A killed build leaves a directory in `tmp` whose lock nobody holds; the next [`Store::open`] removes it.
//! Entries are trusted by their key: nothing is verified again on a hit.
//!
//! A read-only cache or another user's works as long as nothing is missing; access times, leftovers and
//! cached hashes are not updated then.

mod entries;
mod key;
mod memo;

use std::fs::{self, File, TryLockError};
use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

pub use entries::{Entry, Pruned};
pub use key::{Key, KeyBuilder};
pub use memo::Memo;

use crate::error::{BUILD_COMMAND, Error, Result};
use crate::progress::{Progress, Silent};

/// Whether the network may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What is missing is downloaded.
    Online,
    /// What is missing is an error that names it.
    Offline,
}

/// An open cache.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    mode: Mode,
    progress: Arc<dyn Progress>,
}

impl Store {
    /// Opens the cache at `root`, creates it if necessary, and removes what killed builds left. An existing
    /// cache that can't be written is used as it is.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::DiskFull`] if the directories can't be created; some of them may exist then.
    pub fn open(root: impl Into<PathBuf>, mode: Mode) -> Result<Store> {
        let root = root.into();
        for part in ["objects", "tmp", "locks", "downloads", "logs", "memo"] {
            let dir = root.join(part);
            match fs::create_dir_all(&dir) {
                Err(e) if is_not_ours(&e) && root.join("objects").is_dir() => {}
                made => made.map_err(|e| Error::io("making", &dir)(e).in_cache(&root))?,
            }
        }
        let root = root.canonicalize().map_err(Error::io("resolving", &root))?;
        let store = Store { root, mode, progress: Arc::new(Silent) };
        store.clear_leftovers()?;
        Ok(store)
    }

    /// Returns the cache with a receiver for messages, such as that it waits for another build.
    #[must_use]
    pub fn telling(self, progress: Arc<dyn Progress>) -> Store {
        Store { progress, ..self }
    }

    /// Returns the root of the cache.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns whether the network may be used.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns whether an entry is complete in the cache.
    #[must_use]
    pub fn has(&self, key: &Key) -> bool {
        self.object(key).join("about").exists()
    }

    /// Returns the content directory of an entry if it is in the cache, and updates its access time.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<PathBuf> {
        let dir = self.object(key);
        let about = File::open(dir.join("about")).ok()?;
        // The access time is used only for pruning; a read-only cache works without it.
        let _ = about.set_modified(SystemTime::now());
        Some(dir.join("content"))
    }

    /// Returns the content directory of the entry; calls `make` to create it if it is not in the cache.
    ///
    /// `make` gets an empty directory to fill. It runs only once at a time for each key, over all processes:
    /// others wait and use the result.
    ///
    /// # Errors
    /// Any error of `make`; [`Error::DiskFull`] if the disk is full; [`Error::ReadOnly`] if the entry is
    /// missing in a cache that can't be written; [`Error::Io`] for any other failure to write it. The entry
    /// does not exist then.
    pub fn get_or_make(&self, key: &Key, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        if let Some(found) = self.get(key) {
            return Ok(found);
        }
        let _lock = self.lock(key)?;
        if let Some(found) = self.get(key) {
            return Ok(found);
        }
        let tmp = self.root.join("tmp").join(format!("{}.{}", key.digest(), std::process::id()));
        let made = self.fill(key, &tmp, make);
        if made.is_err() && tmp.exists() {
            // The first error is reported; leftovers are removed when the cache is next opened.
            let _ = fs::remove_dir_all(&tmp);
        }
        made.map_err(|e| e.in_cache(&self.root))
    }

    /// Like [`Store::get_or_make`], for entries that must be downloaded.
    ///
    /// # Errors
    /// [`Error::Offline`] with `what` if the entry is missing and the mode is [`Mode::Offline`]; otherwise
    /// those of [`Store::get_or_make`].
    pub fn get_or_fetch(
        &self,
        key: &Key,
        what: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        match self.get(key) {
            Some(found) => Ok(found),
            None if self.mode == Mode::Offline => {
                Err(Error::Offline { what: what.to_owned(), command: BUILD_COMMAND })
            }
            None => self.get_or_make(key, make),
        }
    }

    /// Returns the path of a new, empty log that replaces an older one of that name. The older file is not
    /// truncated: a process that reads or writes it keeps it.
    pub(crate) fn new_log(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join("logs").join(format!("{name}.log"));
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(Error::io("removing", &path)(e)),
            _ => {}
        }
        File::create(&path).map_err(Error::io("writing", &path))?;
        Ok(path)
    }

    /// Makes one entry while holding its lock.
    fn fill(&self, key: &Key, tmp: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        remove(tmp)?;
        let content = tmp.join("content");
        fs::create_dir_all(&content).map_err(Error::io("making", &content))?;
        make(&content)?;
        let about = tmp.join("about");
        fs::write(&about, format!("{}\n", key.name())).map_err(Error::io("writing", &about))?;
        sync_tree(tmp)?;
        let object = self.object(key);
        remove(&object)?;
        fs::rename(tmp, &object).map_err(Error::io("moving into the cache", &object))?;
        sync(&self.root.join("objects"))?;
        Ok(object.join("content"))
    }

    /// Removes directories in `tmp` that belong to no running build.
    fn clear_leftovers(&self) -> Result<()> {
        let tmp = self.root.join("tmp");
        let entries = match fs::read_dir(&tmp) {
            // It does not exist, because the cache can't be written.
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(Error::io("listing", &tmp))?,
        };
        for entry in entries {
            let path = entry.map_err(Error::io("listing", &tmp))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let digest = name.split('.').next().unwrap_or_default();
            let lock_path = self.root.join("locks").join(digest);
            let lock = match open_lock(&lock_path) {
                // Leftovers in another user's cache are removed by that user.
                Err(Error::Io { source, .. }) if is_not_ours(&source) => continue,
                lock => lock?,
            };
            match lock.try_lock() {
                Ok(()) => remove(&path)?,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(Error::io("locking", &lock_path)(e)),
            }
        }
        Ok(())
    }

    /// Returns the directory of a complete entry.
    fn object(&self, key: &Key) -> PathBuf {
        self.root.join("objects").join(key.digest().to_string())
    }

    fn lock_path(&self, key: &Key) -> PathBuf {
        self.root.join("locks").join(key.digest().to_string())
    }

    /// Locks an entry; reports if it must wait for another build.
    fn lock(&self, key: &Key) -> Result<File> {
        let path = self.lock_path(key);
        let lock = match open_lock(&path) {
            Err(Error::Io { source, .. }) if is_not_ours(&source) => {
                return Err(Error::ReadOnly {
                    what: key.name().to_owned(),
                    cache: self.root.clone(),
                    source,
                });
            }
            lock => lock.map_err(|e| e.in_cache(&self.root))?,
        };
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => {
                self.progress.said(&format!("waiting for another build, which makes {}", key.name()));
                lock.lock().map_err(Error::io("locking", &path))?;
                Ok(lock)
            }
            Err(TryLockError::Error(e)) => Err(Error::io("locking", &path)(e)),
        }
    }
}

/// Returns whether an error means that the file is another user's or the file system read-only.
pub(crate) fn is_not_ours(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Opens a lock file, created if necessary. It is never removed while the cache is in use: two processes
/// could hold locks on two files of the same name.
fn open_lock(path: &Path) -> Result<File> {
    File::options().create(true).truncate(false).write(true).open(path).map_err(Error::io("opening", path))
}

/// Removes a directory recursively; it need not exist. A tool that outlives its killed build may write to it
/// for a moment longer, until it misses its files, so removal is retried.
pub(crate) fn remove(path: &Path) -> Result<()> {
    for _ in 0..50 {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty => thread::sleep(Duration::from_millis(100)),
            Err(e) => return Err(Error::io("removing", path)(e)),
        }
    }
    fs::remove_dir_all(path).map_err(Error::io("removing", path))
}

/// Syncs a file or directory.
fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|f| f.sync_all()).map_err(Error::io("syncing", path))
}

/// Syncs every file and directory below `dir`, so that a renamed entry is complete after a power cut.
fn sync_tree(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::io("listing", dir))? {
        let entry = entry.map_err(Error::io("listing", dir))?;
        let kind = entry.file_type().map_err(Error::io("reading", entry.path()))?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            sync(&entry.path())?;
        }
    }
    sync(dir)
}

#[cfg(test)]
mod tests;

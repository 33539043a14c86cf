//! The state partition: the ledger, the snapshots, and what a generation does before it writes.
//!
//! Every step can be interrupted anywhere and repeated: copies appear by rename, and the ledger is written last, but for
//! a restore, which moves several directories: there the ledger says what is under way (`restore`).

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

use crate::copy::{copy_tree, remove_tree, tree_bytes};
use crate::decide::{
    Copied, Image, Room, Step, Unreadable, decide, dispensable, dropped, name, needed, next_number, numbered,
    restorable, sealed, started,
};
use crate::error::StateError;
use crate::ledger::{Data, Facts, Kind, Ledger, Outcome, Snapshot, Standing};

/// What the data is: the directories that are copied and restored.
pub(crate) const DIRECTORIES: [&str; 4] = ["etcd", "kine", "pki", "config"];
/// The ledger's file, and that of each snapshot.
const RECORD: &str = "versions.json";
/// Longest file of that name.
const MAX_RECORD_BYTES: u64 = 1 << 20;
/// Ends the names of what nobody needs: a copy that is not whole, a snapshot that is being removed.
pub(crate) const DRAFT: &str = ".draft";
/// Bytes that a copy leaves free.
const RESERVE_BYTES: u64 = 64 << 20;
/// Most snapshots with which an order to restore one more is taken.
pub(crate) const MAX_SNAPSHOTS: usize = 16;

/// The data below a directory. One caller at a time: the ledger is read, changed and replaced.
#[derive(Debug)]
pub struct Store {
    pub(crate) root: PathBuf,
    /// How many more changes the disk takes before the power is cut.
    #[cfg(test)]
    pub(crate) power: AtomicU32,
}

/// All that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// What is recorded; nothing on a new disk.
    pub ledger: Option<Ledger>,
    /// The snapshots, oldest first.
    pub snapshots: Vec<Snapshot>,
    /// Free bytes of the partition.
    pub free_bytes: u64,
}

impl Store {
    /// The data below `root`.
    #[must_use]
    pub fn at(root: &Path) -> Store {
        Store {
            root: root.to_owned(),
            #[cfg(test)]
            power: AtomicU32::new(u32::MAX),
        }
    }

    /// Reads the ledger; `None` on a new disk.
    ///
    /// # Errors
    /// [`StateError::Disk`] and [`StateError::Ledger`] if there is one that can't be read.
    pub fn load(&self) -> Result<Option<Ledger>, StateError> {
        let path = self.root.join(RECORD);
        if let Some(text) = read(&path)? {
            let parsed = serde_json::from_slice(&text);
            return parsed.map(Some).map_err(|source| StateError::Ledger { path, source });
        }
        // Data of which nothing is recorded is worth as much as any.
        let unknown = Data { generation: 0, standing: Standing::Blessed, ..Data::default() };
        Ok(self.present().next().map(|_| Ledger { data: unknown, ..Ledger::default() }))
    }

    /// Reads everything.
    ///
    /// # Errors
    /// As [`Store::load`], or if the free room can't be asked for.
    pub fn survey(&self) -> Result<Survey, StateError> {
        Ok(Survey { ledger: self.load()?, snapshots: self.snapshots()?, free_bytes: self.free_bytes()? })
    }

    /// Makes the data one that `image` may write, and records that it does. To be called before anything else uses
    /// the data, and by nobody else meanwhile.
    ///
    /// # Errors
    /// [`StateError::Unreadable`] if only an order can help; otherwise the first failure, after which the next call
    /// goes on.
    pub fn prepare(&self, image: &Image) -> Result<Option<Outcome>, StateError> {
        let mut news = None;
        loop {
            let ledger = self.load()?;
            let snapshots = self.snapshots()?;
            if ledger.as_ref().is_none_or(|l| l.moving.is_none()) {
                self.clean()?;
            }
            let step = decide(ledger.as_ref(), image, &snapshots)?;
            let Some(ledger) = ledger else {
                self.save(&started(None, image, &Copied::NotNeeded))?;
                continue;
            };
            match step {
                Step::Start => return Ok(ledger.outcome),
                Step::Record => self.save(&started(Some(&ledger), image, &Copied::NotNeeded))?,
                Step::Copy => {
                    let next = self.copied(&ledger, image, &snapshots)?;
                    // That something came back is more than that it was copied then.
                    let outcome = news.take().or(next.outcome);
                    self.save(&Ledger { outcome, ..next })?;
                }
                Step::Restore { id, cause } => {
                    let facts = restorable(&id, image, &snapshots).map_err(StateError::Order)?;
                    self.begin_restore(&ledger, (&id, facts, cause), &snapshots)?;
                }
                Step::Move => news = self.finish_restore(&ledger)?,
                Step::Drop { why } => {
                    let next = dropped(&ledger, &why);
                    news.clone_from(&next.outcome);
                    self.save(&next)?;
                }
            }
        }
    }

    /// Checks that the data can be used as it is by what writes `versions`, where it is not known which generation
    /// that is.
    ///
    /// # Errors
    /// [`StateError::Unreadable`] if other versions are recorded, or a restore is under way.
    pub fn check_unchanged(&self, versions: &BTreeMap<String, u32>) -> Result<Option<Outcome>, StateError> {
        let Some(ledger) = self.load()? else { return Ok(None) };
        if ledger.data.versions == *versions && ledger.moving.is_none() {
            return Ok(ledger.outcome);
        }
        let what = format!("the state is what generation {} wrote", ledger.data.generation);
        let why = "the boot record can't be read, so it is not known which generation runs".to_owned();
        Err(Unreadable { what, why }.into())
    }

    /// Records that what `generation` writes is to be kept as a blessed generation's. To be called before it is
    /// blessed. Without a ledger there is nothing to record.
    ///
    /// # Errors
    /// If it can't be recorded, or another generation's data is there.
    pub fn seal(&self, generation: u32) -> Result<(), StateError> {
        let Some(ledger) = self.load()? else { return Ok(()) };
        let other = || StateError::Order(format!("the state is not generation {generation}'s"));
        let next = sealed(&ledger, generation).ok_or_else(other)?;
        if next == ledger { Ok(()) } else { self.save(&next) }
    }

    /// Takes the order to restore a snapshot at the next [`Store::prepare`]; `None` takes an order back. With `dry`
    /// nothing is changed.
    ///
    /// # Errors
    /// [`StateError::Order`] if `image` can't run on it, or there are too many snapshots; [`StateError::Empty`].
    pub fn order(&self, id: Option<&str>, image: &Image, dry: bool) -> Result<(), StateError> {
        let ledger = self.load()?.ok_or(StateError::Empty)?;
        if ledger.moving.is_some() {
            return Err(StateError::Order("a restore is under way".to_owned()));
        }
        if let Some(id) = id {
            let snapshots = self.snapshots()?;
            restorable(id, image, &snapshots).map_err(StateError::Order)?;
            if snapshots.len() >= MAX_SNAPSHOTS {
                return Err(StateError::Order(format!(
                    "there are {} snapshots, expected fewer than {MAX_SNAPSHOTS}: remove one first",
                    snapshots.len()
                )));
            }
        }
        let next = Ledger { order: id.map(str::to_owned), ..ledger.clone() };
        if dry || next == ledger { Ok(()) } else { self.save(&next) }
    }

    /// Removes a snapshot by an operator's order. With `dry` nothing is changed.
    ///
    /// # Errors
    /// [`StateError::Order`] if there is none of that name, or it is needed; otherwise the first failure: it may
    /// have lost its name then, and is removed by the next [`Store::prepare`].
    pub fn remove(&self, id: &str, dry: bool) -> Result<(), StateError> {
        let snapshots = self.snapshots()?;
        if !snapshots.iter().any(|s| s.id == id) {
            return Err(StateError::Order(format!("there is no snapshot {id}")));
        }
        if self.load()?.is_some_and(|ledger| needed(&ledger, &snapshots).contains(id)) {
            let why =
                "the running generation is not blessed and would go back to it, or its restore is ordered";
            return Err(StateError::Order(format!("snapshot {id} is needed: {why}")));
        }
        if dry { Ok(()) } else { self.forget(id) }
    }

    /// Returns the snapshots, oldest first. One that is not whole has no facts.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, StateError> {
        let folder = self.folder();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(e) => return Err(StateError::disk("reading", &folder)(e)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StateError::disk("reading", &folder))?;
            if let Some(id) = entry.file_name().to_str().filter(|id| !id.ends_with(DRAFT)) {
                found.push(Snapshot { id: id.to_owned(), facts: whole(&entry.path()) });
            }
        }
        let order = |s: &Snapshot| s.facts.as_ref().map(|f| (f.number, f.data.generation));
        found.sort_by(|a, b| (order(a), &a.id).cmp(&(order(b), &b.id)));
        Ok(found)
    }

    /// Returns the directories of whole copies, the newest first.
    ///
    /// # Errors
    /// As [`Store::snapshots`].
    pub fn copies(&self) -> Result<Vec<PathBuf>, StateError> {
        let is_copy = |s: &Snapshot| s.facts.as_ref().is_some_and(|f| f.kind == Kind::Copy);
        let found = self.snapshots()?.into_iter().rev().filter(is_copy);
        Ok(found.map(|s| self.snapshot(&s.id)).collect())
    }

    /// Copies what is there, and returns the ledger once `image` may write. Without a copy it may if the versions stay
    /// the same: the way back needs none.
    fn copied(&self, ledger: &Ledger, image: &Image, snapshots: &[Snapshot]) -> Result<Ledger, StateError> {
        let number = next_number(ledger, snapshots);
        match self.copy(ledger, number, snapshots) {
            Ok(id) => Ok(started(Some(&numbered(ledger, number)), image, &Copied::As(id))),
            Err(e) if ledger.data.versions == image.writes() => {
                Ok(started(Some(ledger), image, &Copied::Failed(e.to_string())))
            }
            Err(e) => Err(StateError::Copy { source: Box::new(e) }),
        }
    }

    /// Copies what is there as a snapshot, and returns its name.
    fn copy(&self, ledger: &Ledger, number: u32, snapshots: &[Snapshot]) -> Result<String, StateError> {
        let id = name(ledger.data.generation, number);
        let (to, draft) = (self.snapshot(&id), self.snapshot(&(id.clone() + DRAFT)));
        for old in dispensable(ledger, snapshots, Room::Enough) {
            self.forget(old)?;
        }
        let bytes = self.bytes();
        for old in dispensable(ledger, &self.snapshots()?, Room::Short) {
            if bytes + RESERVE_BYTES > self.free_bytes()? {
                self.forget(old)?;
            }
        }
        let (needed, free) = (bytes + RESERVE_BYTES, self.free_bytes()?);
        if needed > free {
            return Err(StateError::Room { needed, free });
        }
        self.make_directory(&draft)?;
        let directories: Vec<String> = self.present().map(str::to_owned).collect();
        for directory in &directories {
            let from = self.root.join(directory);
            let copied = self.try_change().and_then(|()| copy_tree(&from, &draft.join(directory)));
            copied.map_err(StateError::disk("copying", &from))?;
        }
        let data = ledger.data.clone();
        self.write(&draft.join(RECORD), &Facts { data, kind: Kind::Copy, number, bytes, directories })?;
        self.rename(&draft, &to)?;
        self.sync(&self.folder())?;
        Ok(id)
    }

    /// Removes what cuts have left.
    pub(crate) fn clean(&self) -> Result<(), StateError> {
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|id| id.ends_with(DRAFT)) {
                self.remove_directory(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes a snapshot: first its name, so that no part of it is ever taken for the whole.
    pub(crate) fn forget(&self, id: &str) -> Result<(), StateError> {
        let (from, draft) = (self.snapshot(id), self.snapshot(&(id.to_owned() + DRAFT)));
        self.remove_directory(&draft)?;
        self.rename(&from, &draft)?;
        self.sync(&self.folder())?;
        self.remove_directory(&draft)
    }

    /// Returns the directories that are there.
    pub(crate) fn present(&self) -> impl Iterator<Item = &'static str> {
        DIRECTORIES.into_iter().filter(|d| self.root.join(d).exists())
    }

    /// Returns the length of the data.
    pub(crate) fn bytes(&self) -> u64 {
        self.present().map(|d| tree_bytes(&self.root.join(d))).sum()
    }

    /// Returns the bytes that a copy of `part` needs at most, with what a copy leaves free.
    #[must_use]
    pub fn bytes_to_copy(&self, part: &str) -> u64 {
        tree_bytes(&self.root.join(part)).saturating_add(RESERVE_BYTES)
    }

    /// Returns where a snapshot is.
    pub(crate) fn snapshot(&self, id: &str) -> PathBuf {
        self.folder().join(id)
    }

    /// Returns where all snapshots are.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Returns the free bytes of the partition.
    ///
    /// # Errors
    /// [`StateError::Disk`] if they can't be asked for.
    pub fn free_bytes(&self) -> Result<u64, StateError> {
        let facts = rustix::fs::statvfs(&self.root).map_err(io::Error::from);
        let facts = facts.map_err(StateError::disk("querying free space on", &self.root))?;
        Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
    }

    /// Replaces the ledger, whole or not at all.
    pub(crate) fn save(&self, ledger: &Ledger) -> Result<(), StateError> {
        self.write(&self.root.join(RECORD), ledger)
    }

    /// Writes the facts of a snapshot that appears later.
    pub(crate) fn write_facts(&self, folder: &Path, facts: &Facts) -> Result<(), StateError> {
        self.write(&folder.join(RECORD), facts)
    }

    fn write(&self, path: &Path, what: &impl Serialize) -> Result<(), StateError> {
        let write = || {
            self.try_change()?;
            durable::replace(path, &serde_json::to_vec_pretty(what)?, 0o644)
        };
        write().map_err(StateError::disk("writing", path))
    }

    pub(crate) fn make_directory(&self, path: &Path) -> Result<(), StateError> {
        let made = self.try_change().and_then(|()| fs::create_dir_all(path));
        made.map_err(StateError::disk("making", path))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), StateError> {
        self.try_change().and_then(|()| fs::rename(from, to)).map_err(StateError::disk("moving", from))
    }

    pub(crate) fn remove_directory(&self, path: &Path) -> Result<(), StateError> {
        self.try_change().and_then(|()| remove_tree(path)).map_err(StateError::disk("removing", path))
    }

    pub(crate) fn sync(&self, path: &Path) -> Result<(), StateError> {
        durable::sync_directory(path).map_err(StateError::disk("syncing", path))
    }

    /// Comes before each change of the disk: in tests the power may be cut here.
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests cut the power here")
    )]
    fn try_change(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.power.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
        {
            return Err(io::Error::other("power cut"));
        }
        Ok(())
    }
}

/// Reads the facts of a snapshot of which every directory is there.
fn whole(folder: &Path) -> Option<Facts> {
    let text = read(&folder.join(RECORD)).ok()??;
    let mut facts: Facts = serde_json::from_slice(&text).ok()?;
    if facts.number == 0 {
        // From before directories were named; without any there is nothing to restore.
        let there = DIRECTORIES.into_iter().filter(|d| folder.join(d).is_dir());
        facts.directories = there.map(str::to_owned).collect();
        return (!facts.directories.is_empty()).then_some(facts);
    }
    let known = |d: &String| DIRECTORIES.contains(&d.as_str()) && folder.join(d).is_dir();
    facts.directories.iter().all(known).then_some(facts)
}

/// Reads a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let long = || io::Error::other(format!("longer than {MAX_RECORD_BYTES} bytes"));
    let read = fs::metadata(path)
        .and_then(|m| if m.len() > MAX_RECORD_BYTES { Err(long()) } else { fs::read(path) });
    match read {
        Ok(text) => Ok(Some(text)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(StateError::disk("reading", path)(e)),
    }
}

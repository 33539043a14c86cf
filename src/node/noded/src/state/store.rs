//! The state partition: the record of versions, the snapshots, and the directories in them.
//!
//! Every step can be interrupted anywhere and repeated: copies appear by rename, and the record is written last.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use durable::sync_directory;

use super::copy::{copy_tree, remove_tree, tree_bytes};
use super::plan::{Image, Outcome, Recorded, Step};

/// What a snapshot holds.
const DIRECTORIES: [&str; 4] = ["etcd", "kine", "pki", "config"];
/// Snapshots that are kept: the newest ones.
const MAX_SNAPSHOTS: usize = 2;
/// Bytes that a snapshot leaves free.
const RESERVE_BYTES: u64 = 64 << 20;

/// The state below a directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The state below `root`.
    pub fn at(root: &Path) -> Store {
        Store { root: root.to_owned() }
    }

    /// Reads what is recorded; nothing on a new disk.
    ///
    /// # Errors
    /// If there is something that can't be read: whose state it is must not be guessed.
    pub fn load(&self) -> Result<Option<Recorded>> {
        load(&self.record())
    }

    /// Returns what the snapshots say of themselves; those that are not whole say nothing.
    pub fn snapshots(&self) -> Vec<Recorded> {
        let entries = fs::read_dir(self.root.join("snapshots")).into_iter().flatten().flatten();
        entries
            .filter(|e| e.file_name().to_str().is_some_and(|n| n.parse::<u32>().is_ok()))
            .filter_map(|e| load(&e.path().join("versions.json")).ok().flatten())
            .collect()
    }

    /// Does a step, then records what will be on the disk and what there is to say of it.
    ///
    /// # Errors
    /// If it can't be done: the state is then as it was, or the next try goes on.
    pub fn carry_out(&self, step: &Step, image: &Image) -> Result<()> {
        // Built before there were versions: what is recorded is of more use than nothing.
        if image.versions.is_empty() {
            return Ok(());
        }
        let before = self.load()?;
        let outcome = match step {
            Step::Record => before.as_ref().and_then(|r| r.outcome.clone()),
            Step::Keep { of } => Some(match self.keep(*of, image) {
                Ok(()) => Outcome::Kept { of: *of },
                Err(e) => without_snapshot(before.as_ref(), image, e)?,
            }),
            Step::Restore { of, instead_of, unreadable } => {
                self.restore(*of, *instead_of).context("restoring a snapshot")?;
                Some(Outcome::Restored { of: *of, instead_of: *instead_of, unreadable: unreadable.clone() })
            }
        };
        let wanted = Recorded { outcome, ..image.recorded() };
        if before.as_ref() != Some(&wanted) {
            self.save(&self.record(), &wanted).context("recording the versions of the state")?;
        }
        if let Step::Restore { of, .. } = step {
            // Its directories have gone to where they belong; the next generation makes a new one.
            remove_tree(&self.snapshot(*of)).context("removing a snapshot that was restored")?;
        }
        Ok(())
    }

    fn record(&self) -> PathBuf {
        self.root.join("versions.json")
    }

    fn snapshot(&self, of: u32) -> PathBuf {
        self.root.join("snapshots").join(of.to_string())
    }

    /// Keeps a copy of everything, as generation `of` left it.
    fn keep(&self, of: u32, image: &Image) -> Result<()> {
        let (to, folder) = (self.snapshot(of), self.root.join("snapshots"));
        let draft = folder.join(format!("{of}.draft"));
        // What an earlier try has left needs the room that this one may lack. What this generation wrote in an
        // earlier life, put aside when an older one came back, is older than what stands there now.
        for old in [&draft, &to, &self.put_aside(image.generation)] {
            remove_tree(old).with_context(|| format!("removing {}", old.display()))?;
        }
        self.forget_all_but(MAX_SNAPSHOTS - 1, &[of, image.generation])?;
        let needed = self.present().map(|d| tree_bytes(&self.root.join(d))).sum::<u64>() + RESERVE_BYTES;
        let free = self.free_bytes()?;
        if needed > free {
            bail!("a snapshot needs {needed} bytes of the state partition, which has {free} free");
        }
        fs::create_dir_all(&draft)?;
        for directory in self.present() {
            let from = self.root.join(directory);
            copy_tree(&from, &draft.join(directory))
                .with_context(|| format!("copying {}", from.display()))?;
        }
        let recorded = self.load()?.context("the record of the state versions is missing")?;
        self.save(&draft.join("versions.json"), &Recorded { outcome: None, ..recorded })?;
        fs::rename(&draft, &to)?;
        Ok(sync_directory(&folder)?)
    }

    /// Brings the snapshot of generation `of` back, and puts what was there aside. Directories are moved, not
    /// copied: it needs no room, and a try that was cut goes on where it was.
    fn restore(&self, of: u32, instead_of: u32) -> Result<()> {
        let (snapshot, aside) = (self.snapshot(of), self.put_aside(instead_of));
        fs::create_dir_all(&aside)?;
        for directory in DIRECTORIES.iter().filter(|d| snapshot.join(d).exists()) {
            let (kept, now) = (snapshot.join(directory), self.root.join(directory));
            if now.exists() {
                let old = aside.join(directory);
                remove_tree(&old).with_context(|| format!("removing {}", old.display()))?;
                fs::rename(&now, &old).with_context(|| format!("moving {} aside", now.display()))?;
            }
            fs::rename(&kept, &now).with_context(|| format!("moving {} back", kept.display()))?;
        }
        [&aside, &snapshot, &self.root].into_iter().try_for_each(|d| Ok(sync_directory(d)?))
    }

    /// Where what generation `of` wrote is put when an older one can't read it.
    fn put_aside(&self, of: u32) -> PathBuf {
        self.root.join("snapshots").join(format!("{of}.left"))
    }

    /// Removes all but the newest snapshots, and those that no number of `spare` names.
    fn forget_all_but(&self, count: usize, spare: &[u32]) -> Result<()> {
        let folder = self.root.join("snapshots");
        let mut old: BTreeMap<u32, Vec<PathBuf>> = BTreeMap::new();
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|n| n.split('.').next()?.parse::<u32>().ok());
            if let Some(number) = number.filter(|n| !spare.contains(n)) {
                old.entry(number).or_default().push(entry.path());
            }
        }
        for path in old.into_values().rev().skip(count).flatten() {
            remove_tree(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }

    fn present(&self) -> impl Iterator<Item = &'static str> {
        DIRECTORIES.into_iter().filter(|d| self.root.join(d).exists())
    }

    fn free_bytes(&self) -> Result<u64> {
        let facts = rustix::fs::statvfs(&self.root)
            .with_context(|| format!("querying free space on {}", self.root.display()))?;
        Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
    }

    /// Writes a record, whole or not at all.
    fn save(&self, path: &Path, recorded: &Recorded) -> Result<()> {
        Ok(durable::replace(path, &serde_json::to_vec_pretty(recorded)?, 0o644)?)
    }
}

/// Goes on without a snapshot where none is needed for the way back: the versions stay the same.
fn without_snapshot(before: Option<&Recorded>, image: &Image, error: anyhow::Error) -> Result<Outcome> {
    match before.is_some_and(|r| r.versions == image.recorded().versions) {
        true => Ok(Outcome::NoSnapshot { why: format!("{error:#}") }),
        false => Err(error.context("taking a snapshot of the state")),
    }
}

/// Reads a record; `None` if there is none.
fn load(path: &Path) -> Result<Option<Recorded>> {
    match fs::read(path) {
        Ok(text) => {
            serde_json::from_slice(&text).map(Some).with_context(|| format!("parsing {}", path.display()))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("reading {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::decide;
    use super::*;
    use api::StateVersions;

    fn image(generation: u32, reads: u32, writes: u32) -> Image {
        Image { generation, versions: BTreeMap::from([("etcd".to_owned(), StateVersions { writes, reads })]) }
    }

    /// Starts a generation: prepares the state, then writes a text into etcd's directory.
    fn run(store: &Store, image: &Image, text: &str) -> Result<Option<Outcome>> {
        let step = decide(store.load()?.as_ref(), image, &store.snapshots())?;
        store.carry_out(&step, image)?;
        fs::create_dir_all(store.root.join("etcd")).unwrap();
        fs::write(store.root.join("etcd/db"), text).unwrap();
        Ok(store.load()?.unwrap().outcome)
    }

    fn db(path: &Path) -> String {
        fs::read_to_string(path.join("etcd/db")).unwrap_or_default()
    }

    #[test]
    fn the_way_back_over_a_change_ends_where_the_old_one_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        assert_eq!(run(&store, &image(1, 6, 7), "one").unwrap(), None);
        assert_eq!(run(&store, &image(1, 6, 7), "one again").unwrap(), None);
        assert_eq!(run(&store, &image(2, 7, 8), "two").unwrap(), Some(Outcome::Kept { of: 1 }));
        assert_eq!(db(&folder.path().join("snapshots/1")), "one again");
        let outcome = run(&store, &image(1, 6, 7), "one once more").unwrap();
        assert!(matches!(outcome, Some(Outcome::Restored { of: 1, instead_of: 2, .. })), "{outcome:?}");
        assert_eq!(db(&folder.path().join("snapshots/2.left")), "two");
        // It is still told after the next boot.
        assert_eq!(run(&store, &image(1, 6, 7), "one at last").unwrap(), outcome);
        // And forward again: nothing of the first time is in the way.
        run(&store, &image(3, 7, 8), "three").unwrap();
        assert_eq!(db(&folder.path().join("snapshots/1")), "one at last");
        assert_eq!(db(folder.path()), "three");
    }

    #[test]
    fn what_a_generation_wrote_in_its_second_life_is_put_aside_too() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        for (generation, text) in [(1, "one"), (2, "first life"), (1, "one"), (2, "second life"), (1, "one")]
        {
            let versions = if generation == 1 { (6, 7) } else { (7, 8) };
            run(&store, &image(generation, versions.0, versions.1), text).unwrap();
        }
        assert_eq!(db(&folder.path().join("snapshots/2.left")), "second life");
    }

    #[test]
    fn a_restore_that_was_cut_goes_on() {
        for cut in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::at(folder.path());
            run(&store, &image(1, 6, 7), "one").unwrap();
            run(&store, &image(2, 7, 8), "two").unwrap();
            let left = folder.path().join("snapshots/2.left");
            fs::create_dir_all(&left).unwrap();
            if cut > 0 {
                fs::rename(folder.path().join("etcd"), left.join("etcd")).unwrap();
            }
            if cut > 1 {
                fs::rename(folder.path().join("snapshots/1/etcd"), folder.path().join("etcd")).unwrap();
            }
            let step = decide(store.load().unwrap().as_ref(), &image(1, 6, 7), &store.snapshots()).unwrap();
            store.carry_out(&step, &image(1, 6, 7)).unwrap();
            assert_eq!((db(&left), db(folder.path())), ("two".to_owned(), "one".to_owned()), "cut {cut}");
            assert_eq!(store.load().unwrap().unwrap().generation, 1);
        }
    }

    #[test]
    fn few_snapshots_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        for generation in 1..=6 {
            run(&store, &image(generation, 6, 7), &generation.to_string()).unwrap();
        }
        let mut kept: Vec<u32> = store.snapshots().iter().map(|s| s.generation).collect();
        kept.sort_unstable();
        assert_eq!(kept, [4, 5]);
    }

    #[test]
    fn what_a_cut_try_has_left_is_removed_before_room_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        run(&store, &image(1, 6, 7), "one").unwrap();
        fs::create_dir_all(folder.path().join("snapshots/1.draft/etcd")).unwrap();
        fs::create_dir_all(folder.path().join("snapshots/1/junk")).unwrap();
        run(&store, &image(2, 6, 7), "two").unwrap();
        assert!(!folder.path().join("snapshots/1.draft").exists());
        assert!(!folder.path().join("snapshots/1/junk").exists());
        assert_eq!(db(&folder.path().join("snapshots/1")), "one");
    }

    #[test]
    fn without_a_snapshot_nothing_goes_on_that_needs_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        run(&store, &image(1, 6, 7), "one").unwrap();
        // A file where the directory of snapshots should be.
        fs::write(folder.path().join("snapshots"), "").unwrap();
        assert!(matches!(run(&store, &image(2, 6, 7), "two").unwrap(), Some(Outcome::NoSnapshot { .. })));
        assert!(run(&store, &image(3, 7, 8), "three").is_err());
        assert_eq!((store.load().unwrap().unwrap().generation, db(folder.path())), (2, "two".to_owned()));
    }

    #[test]
    fn a_record_that_can_not_be_read_is_no_new_disk() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        run(&store, &image(1, 6, 7), "one").unwrap();
        fs::write(folder.path().join("versions.json"), "{").unwrap();
        assert!(store.load().is_err());
        let knows_none = Image { generation: 2, versions: BTreeMap::new() };
        store.carry_out(&Step::Record, &knows_none).unwrap();
        assert_eq!(fs::read(folder.path().join("versions.json")).unwrap(), b"{");
    }
}

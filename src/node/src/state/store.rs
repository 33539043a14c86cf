//! The state partition as it matters here: the record of versions, the snapshots, the directories in them.
//!
//! Every step can be cut anywhere and begun again: copies appear by rename, and the record is written last.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::copy::{copy_tree, remove_tree, sync_directory, tree_bytes};
use super::plan::{Image, Recorded, Step};
use crate::condition::Claim;

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

    /// Reads what is recorded; nothing where that can't be read.
    pub fn load(&self) -> Option<Recorded> {
        load(&self.record())
    }

    /// Returns what the snapshots say of themselves; those that are not whole say nothing.
    pub fn snapshots(&self) -> Vec<Recorded> {
        let entries = fs::read_dir(self.root.join("snapshots")).into_iter().flatten().flatten();
        entries
            .filter(|e| e.file_name().to_str().is_some_and(|n| n.parse::<u32>().is_ok()))
            .filter_map(|e| load(&e.path().join("versions.json")))
            .collect()
    }

    /// Does a step, then records what will be on the disk. Returns what there is to say.
    ///
    /// # Errors
    /// If it can't be done: the state is then as it was, or the next try goes on.
    pub fn carry_out(&self, step: &Step, image: &Image) -> Result<Option<Claim>> {
        let mut claim = None;
        match step {
            Step::Record => {}
            Step::Keep { of } => {
                claim = match self.keep(*of, image) {
                    Ok(()) => super::claim(step, None),
                    Err(e) => Some(self.without_snapshot(image, e)?),
                };
            }
            Step::Restore { of, instead_of, .. } => {
                let left = self.restore(*of, *instead_of).context("restoring a snapshot")?;
                claim = super::claim(step, Some(&left));
            }
        }
        let wanted = image.recorded();
        if self.load().as_ref() != Some(&wanted) {
            self.save(&self.record(), &wanted).context("recording the versions of the state")?;
        }
        Ok(claim)
    }

    fn record(&self) -> PathBuf {
        self.root.join("versions.json")
    }

    fn snapshot(&self, of: u32) -> PathBuf {
        self.root.join("snapshots").join(of.to_string())
    }

    /// Keeps a copy of everything, as generation `of` left it.
    fn keep(&self, of: u32, image: &Image) -> Result<()> {
        let to = self.snapshot(of);
        self.forget_all_but(MAX_SNAPSHOTS - 1, &[of, image.generation])?;
        remove_tree(&to)?;
        let needed = self.present().map(|d| tree_bytes(&self.root.join(d))).sum::<u64>() + RESERVE_BYTES;
        let free = self.free_bytes()?;
        if needed > free {
            bail!("a snapshot needs {needed} bytes of the state partition, which has {free} free");
        }
        let draft = self.root.join("snapshots").join(format!("{of}.draft"));
        remove_tree(&draft)?;
        fs::create_dir_all(&draft)?;
        for directory in self.present() {
            let from = self.root.join(directory);
            copy_tree(&from, &draft.join(directory))
                .with_context(|| format!("copying {}", from.display()))?;
        }
        let recorded = self.load().context("the versions of the state are not recorded any more")?;
        self.save(&draft.join("versions.json"), &recorded)?;
        fs::rename(&draft, &to)?;
        Ok(sync_directory(&self.root.join("snapshots"))?)
    }

    /// Goes on without a snapshot where none is needed for the way back: the versions stay the same.
    fn without_snapshot(&self, image: &Image, error: anyhow::Error) -> Result<Claim> {
        if self.load().is_some_and(|r| r.versions == image.recorded().versions) {
            return Ok(Claim::no("NoSnapshot", format!("{error:#}")));
        }
        Err(error.context("keeping the state before it is changed"))
    }

    /// Brings the snapshot of generation `of` back; returns where what was there before is put.
    fn restore(&self, of: u32, instead_of: u32) -> Result<PathBuf> {
        let snapshot = self.snapshot(of);
        let left = self.root.join("snapshots").join(format!("{instead_of}.left"));
        fs::create_dir_all(&left)?;
        for directory in DIRECTORIES.iter().filter(|d| snapshot.join(d).exists()) {
            let (now, aside) = (self.root.join(directory), left.join(directory));
            let fresh = self.root.join(format!("{directory}.restored"));
            copy_tree(&snapshot.join(directory), &fresh)
                .with_context(|| format!("copying {}", snapshot.join(directory).display()))?;
            // What was put aside by a try that was cut is the one to keep.
            match aside.exists() {
                true => remove_tree(&now)?,
                false if now.exists() => fs::rename(&now, &aside)?,
                false => {}
            }
            fs::rename(&fresh, &now)?;
        }
        sync_directory(&left)?;
        sync_directory(&self.root)?;
        Ok(left)
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
            .with_context(|| format!("asking for the room on {}", self.root.display()))?;
        Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
    }

    /// Writes a record, whole or not at all.
    fn save(&self, path: &Path, recorded: &Recorded) -> Result<()> {
        let draft = path.with_extension("new");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(recorded)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        Ok(sync_directory(path.parent().unwrap_or(&self.root))?)
    }
}

/// Reads a record. One that can't be parsed counts as none: it is told, and written anew.
fn load(path: &Path) -> Option<Recorded> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return None,
        Err(e) => {
            eprintln!("noded: reading {}: {e}", path.display());
            return None;
        }
    };
    serde_json::from_slice(&text).map_err(|e| eprintln!("noded: parsing {}: {e}", path.display())).ok()
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Versions, decide};
    use super::*;

    fn image(generation: u32, reads: u32, writes: u32) -> Image {
        Image { generation, versions: BTreeMap::from([("etcd".to_owned(), Versions { writes, reads })]) }
    }

    /// Starts a generation: prepares the state, then writes a text into etcd's directory.
    fn run(store: &Store, image: &Image, text: &str) -> Result<Option<Claim>> {
        let step = decide(store.load().as_ref(), image, &store.snapshots())?;
        let claim = store.carry_out(&step, image)?;
        fs::create_dir_all(store.root.join("etcd")).unwrap();
        fs::write(store.root.join("etcd/db"), text).unwrap();
        Ok(claim)
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
        assert_eq!(run(&store, &image(2, 7, 8), "two").unwrap().unwrap().reason, "Kept");
        let claim = run(&store, &image(1, 6, 7), "one once more").unwrap().unwrap();
        assert_eq!(claim.reason, "Restored");
        assert!(claim.message.contains("version 8"), "{}", claim.message);
        assert_eq!(db(&folder.path().join("snapshots/1")), "one again");
        assert_eq!(db(&folder.path().join("snapshots/2.left")), "two");
        // And forward again: nothing of the first time is in the way.
        run(&store, &image(3, 7, 8), "three").unwrap();
        assert_eq!(db(&folder.path().join("snapshots/1")), "one once more");
        assert_eq!(db(folder.path()), "three");
    }

    #[test]
    fn a_restore_that_was_cut_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        run(&store, &image(1, 6, 7), "one").unwrap();
        run(&store, &image(2, 7, 8), "two").unwrap();
        let left = folder.path().join("snapshots/2.left");
        fs::create_dir_all(&left).unwrap();
        // Cut after what was there went aside.
        fs::rename(folder.path().join("etcd"), left.join("etcd")).unwrap();
        run(&store, &image(1, 6, 7), "on").unwrap();
        assert_eq!((db(&left), db(folder.path())), ("two".to_owned(), "on".to_owned()));
        assert_eq!(store.load().unwrap().generation, 1);
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
    fn without_a_snapshot_nothing_goes_on_that_needs_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        run(&store, &image(1, 6, 7), "one").unwrap();
        // A file where the directory of snapshots should be.
        fs::write(folder.path().join("snapshots"), "").unwrap();
        assert_eq!(run(&store, &image(2, 6, 7), "two").unwrap().unwrap().reason, "NoSnapshot");
        assert!(run(&store, &image(3, 7, 8), "three").is_err());
        assert_eq!((store.load().unwrap().generation, db(folder.path())), (2, "two".to_owned()));
    }
}

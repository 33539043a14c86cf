//! Decides what to do with the state from its record. Pure.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use api::StateVersions;
use serde::{Deserialize, Serialize};

/// What is on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recorded {
    /// The generation that wrote it last.
    pub generation: u32,
    /// Version of each part, by name.
    pub versions: BTreeMap<String, u32>,
    /// What was done for the generation that writes it, as far as there is anything to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// What came of preparing the state for a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A copy was kept.
    #[serde(rename_all = "camelCase")]
    Kept {
        /// The generation that left it so.
        of: u32,
    },
    /// No copy was kept, and none is needed for the way back.
    #[serde(rename_all = "camelCase")]
    NoSnapshot {
        /// Why.
        why: String,
    },
    /// A copy came back, and what was there was put aside.
    #[serde(rename_all = "camelCase")]
    Restored {
        /// The generation that had left it so.
        of: u32,
        /// The generation that wrote what was put aside.
        instead_of: u32,
        /// What could not be read of it.
        unreadable: String,
    },
}

/// The generation that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its number.
    pub generation: u32,
    /// What it knows of what is on this disk.
    pub versions: BTreeMap<String, StateVersions>,
}

/// What is to be done before anything may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing but to record whose it is now.
    Record,
    /// Keep a copy first.
    Keep {
        /// The generation that wrote it.
        of: u32,
    },
    /// Bring a snapshot back.
    Restore {
        /// The generation that left it.
        of: u32,
        /// The generation that wrote what can't be read.
        instead_of: u32,
        /// What can't be read.
        unreadable: String,
    },
}

impl Image {
    /// Returns what will be on the disk once this generation writes.
    pub fn recorded(&self) -> Recorded {
        let versions = self.versions.iter().map(|(name, v)| (name.clone(), v.writes)).collect();
        Recorded { generation: self.generation, versions, outcome: None }
    }

    /// Returns the first part that this generation can't read, as text.
    fn unreadable(&self, recorded: &Recorded) -> Option<String> {
        recorded.versions.iter().find_map(|(name, found)| match self.versions.get(name) {
            Some(v) if (v.reads..=v.writes).contains(found) => None,
            Some(v) => Some(format!(
                "{name} on the disk has version {found}, generation {} reads {} to {}",
                self.generation, v.reads, v.writes
            )),
            None => Some(format!(
                "the disk has {name} of version {found}, generation {} knows none",
                self.generation
            )),
        })
    }
}

/// Decides what to do with what is `recorded`, `snapshots` being what was kept.
///
/// An image that knows no versions (built before there were any) leaves everything alone.
///
/// # Errors
/// If the state can't be read and no snapshot can.
pub fn decide(recorded: Option<&Recorded>, image: &Image, snapshots: &[Recorded]) -> Result<Step> {
    let Some(recorded) = recorded.filter(|_| !image.versions.is_empty()) else { return Ok(Step::Record) };
    let Some(unreadable) = image.unreadable(recorded) else {
        let same = recorded.generation == image.generation;
        return Ok(if same { Step::Record } else { Step::Keep { of: recorded.generation } });
    };
    let readable = snapshots.iter().filter(|s| image.unreadable(s).is_none());
    match readable.max_by_key(|s| s.generation) {
        Some(s) => Ok(Step::Restore { of: s.generation, instead_of: recorded.generation, unreadable }),
        None => bail!("{unreadable}, and there is no snapshot that it reads"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(generation: u32, etcd: u32) -> Recorded {
        Recorded { generation, versions: BTreeMap::from([("etcd".to_owned(), etcd)]), ..Recorded::default() }
    }

    fn image(generation: u32, reads: u32, writes: u32) -> Image {
        Image { generation, versions: BTreeMap::from([("etcd".to_owned(), StateVersions { writes, reads })]) }
    }

    fn decided(on_disk: Option<Recorded>, image: &Image, snapshots: &[Recorded]) -> Option<Step> {
        decide(on_disk.as_ref(), image, snapshots).ok()
    }

    #[test]
    fn a_new_generation_keeps_what_the_old_one_left() {
        assert_eq!(decided(None, &image(1, 6, 7), &[]), Some(Step::Record));
        assert_eq!(decided(Some(recorded(1, 7)), &image(1, 6, 7), &[]), Some(Step::Record));
        assert_eq!(decided(Some(recorded(1, 7)), &image(2, 7, 8), &[]), Some(Step::Keep { of: 1 }));
        // Back over no change: what the failed one wrote is good, and is kept as well.
        assert_eq!(decided(Some(recorded(3, 7)), &image(2, 6, 7), &[]), Some(Step::Keep { of: 3 }));
    }

    #[test]
    fn a_fall_back_over_a_change_restores_the_newest_readable_snapshot() {
        let snapshots = [recorded(1, 6), recorded(2, 7), recorded(3, 8)];
        let step = decided(Some(recorded(3, 8)), &image(2, 6, 7), &snapshots);
        let Some(Step::Restore { of: 2, instead_of: 3, unreadable }) = step else { panic!("{step:?}") };
        assert_eq!(unreadable, "etcd on the disk has version 8, generation 2 reads 6 to 7");
        let other = Recorded {
            versions: BTreeMap::from([("kine".to_owned(), 1)]),
            generation: 3,
            ..Recorded::default()
        };
        assert!(matches!(
            decided(Some(other), &image(2, 6, 7), &snapshots),
            Some(Step::Restore { of: 2, .. })
        ));
    }

    #[test]
    fn without_a_way_nothing_is_touched() {
        let refused = decide(Some(&recorded(3, 8)), &image(2, 6, 7), &[recorded(3, 8)]).unwrap_err();
        assert!(refused.to_string().ends_with("no snapshot that it reads"), "{refused}");
        let knows_none = Image { generation: 2, versions: BTreeMap::new() };
        assert_eq!(decided(Some(recorded(3, 8)), &knows_none, &[]), Some(Step::Record));
    }
}

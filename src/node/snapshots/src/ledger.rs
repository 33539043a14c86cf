//! What is recorded of the data on the state partition, and of each snapshot of it. Types only.
//!
//! The ledger is `/state/versions.json`, replaced whole at each change; a snapshot has a file of the same name. Readers
//! ignore fields that they don't know: what an older generation must not misread raises the version of the state
//! `ironhull`.

use std::collections::BTreeMap;

use imagefacts::StateVersions;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What is known of a set of data, wherever it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// The generation that wrote it last.
    pub generation: u32,
    /// Version of each part, by name.
    pub versions: BTreeMap<String, u32>,
    /// Whether it holds anything that no generation may discard.
    #[serde(default)]
    pub standing: Standing,
}

/// Whether data holds what was written under a generation that was ever blessed. Data of which nothing is said does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It does: only an operator's order may put it aside.
    #[default]
    Blessed,
    /// All of that is in the snapshot `base` as well; what came later was written on trial. Without a base there never
    /// was any.
    #[serde(rename_all = "camelCase")]
    Trial {
        /// The name of that snapshot.
        base: Option<String>,
    },
}

/// The record of the data that generations write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// What is known of it.
    #[serde(flatten)]
    pub data: Data,
    /// What was done last, as far as there is anything to say.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The number of the last snapshot: numbers are never used twice.
    #[serde(default)]
    pub snapshots: u32,
    /// The latest generations that ran, by number.
    #[serde(default)]
    pub generations: BTreeMap<u32, Known>,
    /// The snapshot that the operator wants restored at the next start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// A restore that was begun: until it has ended the directories are those of neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<Moving>,
}

/// A generation that ran here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// What it reads and writes.
    pub versions: BTreeMap<String, StateVersions>,
    /// It was blessed once.
    pub blessed: bool,
}

/// A restore under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moving {
    /// The snapshot that comes back.
    pub from: String,
    /// The name of the snapshot that what is there becomes.
    pub aside: String,
    /// The directories that go.
    pub out: Vec<String>,
    /// The directories that come.
    pub into: Vec<String>,
    /// What is known of what comes.
    pub becomes: Data,
    /// Why.
    pub cause: Cause,
    /// Which part of the data it concerns.
    #[serde(default)]
    pub scope: Scope,
}

/// Which part of the data a restore concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All of it.
    #[default]
    All,
    /// The store's: etcd's or kine's.
    Store,
}

/// Why a snapshot is restored.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// What is there can't be read, and only generations on trial wrote it.
    #[serde(rename_all = "camelCase")]
    Unreadable {
        /// What can't be read.
        what: String,
    },
    /// An operator ordered it.
    Ordered,
}

/// What came of preparing the data for a generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A copy was kept.
    #[serde(rename_all = "camelCase")]
    Kept {
        /// The generation that left it so.
        of: u32,
        /// The name of the copy.
        #[serde(default)]
        snapshot: String,
    },
    /// No copy was kept, and none is needed for the way back.
    #[serde(rename_all = "camelCase")]
    NoSnapshot {
        /// Why.
        why: String,
    },
    /// A snapshot came back, and what was there was put aside.
    #[serde(rename_all = "camelCase")]
    Brought {
        /// The generation that had left it so.
        of: u32,
        /// The name of the snapshot that what was there became.
        aside: String,
        /// Why.
        cause: Cause,
    },
    /// Other data came in place of the store's.
    #[serde(rename_all = "camelCase")]
    Exchanged {
        /// The name of the snapshot that what was there became.
        aside: String,
    },
    /// An order was dropped.
    #[serde(rename_all = "camelCase")]
    Dropped {
        /// Why.
        why: String,
    },
}

/// A copy of the data, or data that was put aside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Its name: that of its directory.
    pub id: String,
    /// What is known of it; absent if that can't be read, or a directory of it is missing.
    pub facts: Option<Facts>,
}

/// What a snapshot says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// What is known of the data.
    #[serde(flatten)]
    pub data: Data,
    /// How it came about.
    #[serde(default)]
    pub kind: Kind,
    /// Its number: a later one is higher.
    #[serde(default)]
    pub number: u32,
    /// Its length in bytes when it was made.
    #[serde(default)]
    pub bytes: u64,
    /// The directories that it holds.
    #[serde(default)]
    pub directories: Vec<String>,
}

/// How a snapshot came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was copied before another generation wrote.
    #[default]
    Copy,
    /// It was moved here when another one came back.
    Aside,
    /// It is the store's data alone, moved here when other data came in its place, or about to come itself. A
    /// generation that does not know this kind takes it for damaged and leaves it alone.
    Store,
}

/// Reads what is only told to people: what a newer generation says in other words is nothing.
fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Outcome>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

//! Decides what to do with the data before a generation may write it, and what the ledger says afterwards. Pure.

use std::collections::{BTreeMap, BTreeSet};

use imagefacts::StateVersions;

use crate::ledger::{Cause, Data, Facts, Kind, Known, Ledger, Moving, Outcome, Scope, Snapshot, Standing};

/// Copies that are kept: the newest ones, and those that are needed.
const MAX_COPIES: usize = 2;
/// Data of generations that were never blessed, put aside: the newest.
const MAX_TRIALS: usize = 1;
/// Generations that are remembered: the latest.
const MAX_GENERATIONS: usize = 8;

/// The directories of the data that are a store's. One of them is in use.
pub(crate) const STORES: [&str; 2] = ["etcd", "kine"];
/// The version of the state that is not the store's: certificates, config.
const REST: &str = "ironhull";

/// The generation that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Its number.
    pub generation: u32,
    /// What it knows of what is on this disk.
    pub versions: BTreeMap<String, StateVersions>,
    /// The generations that the boot record calls blessed.
    pub blessed: BTreeSet<u32>,
}

/// What is to be done next, before anything may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: services may start.
    Start,
    /// Record that this generation writes.
    Record,
    /// Copy the data, then record that this generation writes.
    Copy,
    /// Go on with a restore that was begun.
    Move,
    /// Restore a snapshot.
    Restore {
        /// Its name.
        id: String,
        /// Why.
        cause: Cause,
    },
    /// Drop an order that can't be carried out.
    Drop {
        /// Why not.
        why: String,
    },
}

/// The data can't be read, and nothing may be restored over it unasked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {why}")]
pub struct Unreadable {
    /// What can't be read.
    pub what: String,
    /// Why nothing is restored.
    pub why: String,
}

/// Whether a copy was taken before a generation writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copied {
    /// None was needed.
    NotNeeded,
    /// As the snapshot of this name.
    As(String),
    /// None could be taken, for this reason.
    Failed(String),
}

impl Image {
    /// Returns the versions of the data once this generation writes it.
    #[must_use]
    pub fn writes(&self) -> BTreeMap<String, u32> {
        self.versions.iter().map(|(name, v)| (name.clone(), v.writes)).collect()
    }

    /// Returns the first part of data that this generation can't read, as text.
    #[must_use]
    pub fn unreadable(&self, found: &BTreeMap<String, u32>) -> Option<String> {
        found.iter().find_map(|(name, found)| match self.versions.get(name) {
            Some(v) if v.can_read(*found) => None,
            Some(v) => Some(format!(
                "{name} on the disk has version {found}, generation {} reads {} to {}",
                self.generation, v.reads, v.writes
            )),
            None => Some(format!(
                "the disk has {name} of version {found}, generation {} with its config knows none",
                self.generation
            )),
        })
    }

    /// Returns whether a generation is, or ever was, blessed.
    fn is_blessed(&self, generation: u32, ledger: Option<&Ledger>) -> bool {
        let known = ledger.and_then(|l| l.generations.get(&generation));
        self.blessed.contains(&generation) || known.is_some_and(|k| k.blessed)
    }
}

/// Decides what to do next; `snapshots` are all that there are.
///
/// # Errors
/// [`Unreadable`]: then nothing may start.
pub fn decide(ledger: Option<&Ledger>, image: &Image, snapshots: &[Snapshot]) -> Result<Step, Unreadable> {
    let Some(ledger) = ledger else { return Ok(Step::Record) };
    if ledger.moving.is_some() {
        return Ok(Step::Move);
    }
    if let Some(id) = &ledger.order {
        return Ok(match restorable(id, image, snapshots) {
            Ok(_) => Step::Restore { id: id.clone(), cause: Cause::Ordered },
            Err(why) => Step::Drop { why },
        });
    }
    let Some(what) = image.unreadable(&ledger.data.versions) else {
        return Ok(if needs_copy(ledger, image, snapshots) {
            Step::Copy
        } else if started(Some(ledger), image, &Copied::NotNeeded) == *ledger {
            Step::Start
        } else {
            Step::Record
        });
    };
    match way_back(ledger, image, snapshots) {
        Ok(id) => Ok(Step::Restore { id, cause: Cause::Unreadable { what } }),
        Err(why) => Err(Unreadable { what, why }),
    }
}

/// Returns whether the data must be copied before `image` writes. Not if all that counts of it was copied before, and
/// the versions stay the same: two generations on trial that take turns would fill the disk with copies.
fn needs_copy(ledger: &Ledger, image: &Image, snapshots: &[Snapshot]) -> bool {
    let Data { generation, versions, standing } = &ledger.data;
    if *versions != image.writes() {
        return true;
    }
    let Standing::Trial { base: Some(base) } = standing else { return *generation != image.generation };
    let is_there = snapshots.iter().any(|s| s.id == *base && s.facts.is_some());
    *generation != image.generation && (!is_there || image.is_blessed(*generation, Some(ledger)))
}

/// Returns what is known of the snapshot `id` if `image` can run on it.
///
/// # Errors
/// Why it can't be restored.
pub fn restorable<'a>(id: &str, image: &Image, snapshots: &'a [Snapshot]) -> Result<&'a Facts, String> {
    let found = snapshots.iter().find(|s| s.id == id).ok_or_else(|| format!("there is no snapshot {id}"))?;
    let facts = found.facts.as_ref().ok_or_else(|| format!("snapshot {id} is damaged"))?;
    match image.unreadable(&facts.data.versions) {
        Some(what) => Err(format!("snapshot {id} can't be restored: {what}")),
        None => Ok(facts),
    }
}

/// Returns the snapshot that may be restored unasked: it holds all that was written under blessed generations.
fn way_back(ledger: &Ledger, image: &Image, snapshots: &[Snapshot]) -> Result<String, String> {
    let Data { generation, .. } = ledger.data;
    if generation == image.generation {
        return Err("it is what this generation wrote".to_owned());
    }
    if image.is_blessed(generation, Some(ledger)) {
        return Err(format!("generation {generation}, which wrote it, was blessed"));
    }
    let mut standing = &ledger.data.standing;
    for _ in 0..=snapshots.len() {
        let base = match standing {
            Standing::Blessed => return Err("it was written under a blessed generation".to_owned()),
            Standing::Trial { base } => base.as_ref().ok_or("there is no snapshot from before")?,
        };
        let found = snapshots.iter().find(|s| s.id == *base).and_then(|s| s.facts.as_ref());
        let facts = found.ok_or_else(|| format!("snapshot {base} is missing or damaged"))?;
        if image.unreadable(&facts.data.versions).is_none() {
            return Ok(base.clone());
        }
        standing = &facts.data.standing;
    }
    Err("the snapshots name each other as what was before".to_owned())
}

/// Returns the ledger once `image` may write; `copied` says what was kept of what was there.
#[must_use]
pub fn started(ledger: Option<&Ledger>, image: &Image, copied: &Copied) -> Ledger {
    let before = ledger.cloned().unwrap_or_default();
    let is_blessed = image.is_blessed(image.generation, ledger);
    let was_blessed = ledger.is_some_and(|l| image.is_blessed(l.data.generation, ledger));
    let standing = match (copied, ledger) {
        _ if is_blessed => Standing::Blessed,
        (Copied::As(id), _) => Standing::Trial { base: Some(id.clone()) },
        (_, None) => Standing::Trial { base: None },
        _ if was_blessed => Standing::Blessed,
        (_, Some(ledger)) => ledger.data.standing.clone(),
    };
    let outcome = match copied {
        Copied::NotNeeded => before.outcome,
        Copied::As(id) => Some(Outcome::Kept { of: before.data.generation, snapshot: id.clone() }),
        Copied::Failed(why) => Some(Outcome::NoSnapshot { why: why.clone() }),
    };
    let mut generations = before.generations;
    for (number, known) in &mut generations {
        known.blessed |= image.blessed.contains(number);
    }
    let known = Known { versions: image.versions.clone(), blessed: is_blessed };
    generations.insert(image.generation, known);
    while generations.len() > MAX_GENERATIONS {
        generations.pop_first();
    }
    let data = Data { generation: image.generation, versions: image.writes(), standing };
    Ledger { data, outcome, generations, ..before }
}

/// Returns the ledger once the snapshot of this number is there.
#[must_use]
pub fn numbered(ledger: &Ledger, number: u32) -> Ledger {
    Ledger { snapshots: ledger.snapshots.max(number), ..ledger.clone() }
}

/// Returns the number of the next snapshot.
#[must_use]
pub fn next_number(ledger: &Ledger, snapshots: &[Snapshot]) -> u32 {
    let there = snapshots.iter().filter_map(|s| Some(s.facts.as_ref()?.number)).max();
    ledger.snapshots.max(there.unwrap_or(0)).saturating_add(1)
}

/// Returns the name of a snapshot: `g1-4` is the fourth on this disk, of what generation 1 left.
#[must_use]
pub fn name(generation: u32, number: u32) -> String {
    format!("g{generation}-{number}")
}

/// Returns the ledger with which a restore begins; the directories of `present` are there now.
#[must_use]
pub fn begun(
    ledger: &Ledger,
    (id, facts): (&str, &Facts),
    (present, number): (&[String], u32),
    cause: Cause,
) -> Ledger {
    let mut becomes = facts.data.clone();
    let scope = if facts.kind == Kind::Store { Scope::Store } else { Scope::All };
    if scope == Scope::Store
        && let Some(version) = ledger.data.versions.get(REST)
    {
        becomes.versions.insert(REST.to_owned(), *version);
    }
    let moving = Moving {
        from: id.to_owned(),
        aside: name(ledger.data.generation, number),
        out: present
            .iter()
            .filter(|d| scope == Scope::All || STORES.contains(&d.as_str()))
            .cloned()
            .collect(),
        into: facts.directories.clone(),
        becomes,
        cause,
        scope,
    };
    Ledger { order: None, moving: Some(moving), ..numbered(ledger, number) }
}

/// Returns what the data that a restore puts aside says of itself. What an order replaces counts as blessed: it holds
/// all that its base does, which the data that comes may lack, and the base is no longer kept for it.
#[must_use]
pub fn put_aside(ledger: &Ledger, moving: &Moving, bytes: u64) -> Facts {
    let mut data = ledger.data.clone();
    if moving.cause == Cause::Ordered && data.standing != (Standing::Trial { base: None }) {
        data.standing = Standing::Blessed;
    }
    let directories = moving.out.clone();
    let kind = if moving.scope == Scope::Store { Kind::Store } else { Kind::Aside };
    Facts { data, kind, number: ledger.snapshots, bytes, directories }
}

/// Returns the ledger once all directories are where they belong.
#[must_use]
pub fn moved(ledger: &Ledger, moving: &Moving) -> Ledger {
    let Moving { aside, becomes, cause, .. } = moving.clone();
    let outcome = Some(match moving.scope {
        Scope::Store => Outcome::Exchanged { aside },
        Scope::All => Outcome::Brought { of: becomes.generation, aside, cause },
    });
    Ledger { data: becomes, outcome, moving: None, ..ledger.clone() }
}

/// Returns the ledger without its order, which can't be carried out.
#[must_use]
pub fn dropped(ledger: &Ledger, why: &str) -> Ledger {
    Ledger { order: None, outcome: Some(Outcome::Dropped { why: why.to_owned() }), ..ledger.clone() }
}

/// Returns the ledger once the data is to be kept as a blessed generation's: written before `generation` is blessed,
/// so that no cut comes between. `None` if another one's data is there.
#[must_use]
pub fn sealed(ledger: &Ledger, generation: u32) -> Option<Ledger> {
    let mut next = ledger.clone();
    if next.data.generation != generation || next.moving.is_some() {
        return None;
    }
    next.data.standing = Standing::Blessed;
    next.generations.get_mut(&generation)?.blessed = true;
    Some(next)
}

/// How badly room is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There may be enough.
    Enough,
    /// There is not.
    Short,
}

/// Returns the snapshots that may be removed unasked to make room for one more copy, oldest first. Never one with
/// what a blessed generation wrote and the data does not hold.
#[must_use]
pub fn dispensable<'a>(ledger: &Ledger, snapshots: &'a [Snapshot], room: Room) -> Vec<&'a str> {
    let needed = needed(ledger, snapshots);
    let of = |kind: Kind| {
        let facts = |s: &'a Snapshot| Some((s.id.as_str(), s.facts.as_ref()?));
        let mut found: Vec<_> = snapshots
            .iter()
            .filter_map(facts)
            .filter(|(id, f)| f.kind == kind && !needed.contains(id))
            .filter(|(_, f)| kind == Kind::Copy || f.data.standing != Standing::Blessed)
            .map(|(id, f)| (f.number, f.data.generation, id))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(.., id)| id).collect::<Vec<_>>()
    };
    let (trials, copies) = (of(Kind::Aside), of(Kind::Copy));
    let kept = |most: usize| if room == Room::Short { 0 } else { most };
    let trials = &trials[..trials.len().saturating_sub(kept(MAX_TRIALS))];
    let copies = &copies[..copies.len().saturating_sub(kept(MAX_COPIES - 1))];
    [trials, copies].concat()
}

/// Returns the snapshots without which a way back or an order would end: the bases of the data, and what is named.
#[must_use]
pub fn needed<'a>(ledger: &Ledger, snapshots: &'a [Snapshot]) -> BTreeSet<&'a str> {
    let find = |id: &str| snapshots.iter().find(|s| s.id == id);
    let moving = ledger.moving.iter().flat_map(|m| [&m.from, &m.aside]);
    let mut needed: BTreeSet<&str> =
        ledger.order.iter().chain(moving).filter_map(|id| Some(find(id)?.id.as_str())).collect();
    let mut standing = &ledger.data.standing;
    for _ in snapshots {
        let Standing::Trial { base: Some(id) } = standing else { break };
        let Some(found) = find(id) else { break };
        needed.insert(&found.id);
        let Some(facts) = &found.facts else { break };
        standing = &facts.data.standing;
    }
    needed
}

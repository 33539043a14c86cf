//! The state that is explored: boot record, slots, data, and what runs.

use std::collections::{BTreeMap, BTreeSet};

use snapshots::Standing;
use snapshots::decide::{Image, name};

use crate::disk::Disk;
use crate::{Entry, Flags, Header, Pair, Reason, Record, Running, UNSETTLED_LIMIT};

/// What an exploration varies.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Orders about the next boot.
    pub by_hand: bool,
    /// How many orders about snapshots there may be.
    pub orders: u8,
    /// How many updates there may be.
    pub updates: u8,
    /// Both boot records may be lost.
    pub lost: bool,
    /// The partition may be full.
    pub full: bool,
    /// The versions of the state that an image may read and write: from, to.
    pub images: &'static [(u32, u32)],
}

/// So many that they are not counted.
pub const ANY: u8 = u8::MAX;

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    pub generation: u32,
    pub versions: (u32, u32),
    /// It was blessed once, whatever the record says now.
    pub was_blessed: bool,
}

/// What the running generation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// The data is being prepared.
    Preparing,
    /// Services run.
    Serving,
    /// Nothing starts until something is ordered.
    Waiting,
}

/// What the machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Down,
    Up(Running, Service),
}

/// The text whose fate is followed: any one, so it stands for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// It was not written yet, or is of no interest any more.
    None,
    /// A generation on trial wrote it.
    Trial,
    /// A generation that was blessed wrote it, or was blessed on it.
    Precious,
    /// The same, and an operator ordered that the data with it be put aside.
    PutAside,
}

/// A state of the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub record: Option<Record>,
    pub slots: Pair<Option<Content>>,
    pub disk: Disk,
    pub phase: Phase,
    pub item: Item,
    /// Orders about snapshots that may still come.
    pub orders: u8,
    /// Updates that may still come.
    pub updates: u8,
}

impl State {
    /// A disk as installed.
    pub fn installed(scope: &Scope) -> State {
        let versions = scope.images[0];
        State {
            record: Some(Record::installed(0)),
            slots: Pair { a: Some(Content { generation: 1, versions, was_blessed: false }), b: None },
            disk: Disk::default(),
            phase: Phase::Down,
            item: Item::None,
            orders: scope.orders,
            updates: scope.updates,
        }
    }

    /// The headers as the boot loader reads them.
    pub fn headers(&self) -> Pair<Option<Header>> {
        let header = |c: Content| Header { length: 1, sha256: [0; 32], generation: c.generation, epoch: 0 };
        self.slots.map(|c| c.map(header))
    }

    /// The generation that runs, as `noded` tells it.
    pub fn image(&self, running: Running) -> Image {
        let content = self.slots.get(running.slot);
        let of = |c: Content| snapshot_versions(c.versions);
        let blessed = |e: &Entry| e.is_present() && e.flags.has(Flags::BLESSED);
        let entries = self.record.iter().flat_map(|r| [r.slots.a, r.slots.b]);
        Image {
            generation: running.generation,
            versions: content.map(of).unwrap_or_default(),
            blessed: entries.filter(blessed).map(|e| e.generation).collect(),
        }
    }

    /// Returns the representative of all states that behave as this one: of numbers only the order counts, and whether
    /// one is the next of another.
    pub fn normal(mut self) -> State {
        self.record = self.record.map(normal_record);
        let numbers = Numbers::of(&self);
        self.forget_old_generations(&numbers);
        self.renumber(&|g| numbers.get(g));
        self.rename_snapshots();
        if let Some(ledger) = &mut self.disk.ledger {
            ledger.outcome = None;
        }
        self
    }

    /// Drops what is known of generations that are nowhere any more, and what the gone ones could read.
    fn forget_old_generations(&mut self, numbers: &Numbers) {
        let mut used: BTreeSet<u32> = self.disk.kept.iter().map(|k| k.facts.data.generation).collect();
        if let Some(ledger) = &mut self.disk.ledger {
            used.insert(ledger.data.generation);
            used.extend(ledger.moving.iter().map(|m| m.becomes.generation));
            ledger.generations.retain(|g, _| used.contains(g) || !numbers.is_gone(*g));
            for (generation, known) in &mut ledger.generations {
                if numbers.is_gone(*generation) {
                    known.versions.clear();
                }
            }
        }
    }

    fn renumber(&mut self, to: &dyn Fn(u32) -> u32) {
        if let Some(record) = &mut self.record {
            record.slots = record.slots.map(|e| Entry { generation: to(e.generation), ..e });
        }
        self.slots = self.slots.map(|c| c.map(|c| Content { generation: to(c.generation), ..c }));
        if let Phase::Up(running, _) = &mut self.phase {
            running.generation = to(running.generation);
        }
        if let Some(ledger) = &mut self.disk.ledger {
            ledger.data.generation = to(ledger.data.generation);
            ledger.generations =
                std::mem::take(&mut ledger.generations).into_iter().map(|(g, k)| (to(g), k)).collect();
            if let Some(moving) = &mut ledger.moving {
                moving.becomes.generation = to(moving.becomes.generation);
            }
        }
        for kept in &mut self.disk.kept {
            kept.facts.data.generation = to(kept.facts.data.generation);
        }
    }

    /// Numbers the snapshots from one, in their order, and names them anew.
    fn rename_snapshots(&mut self) {
        self.disk.kept.sort_by_key(|k| k.facts.number);
        let mut names = BTreeMap::new();
        let Some(ledger) = &mut self.disk.ledger else { return };
        let mut count = 0;
        for kept in &mut self.disk.kept {
            count += 1;
            let id = name(kept.facts.data.generation, count);
            names.insert(std::mem::replace(&mut kept.id, id.clone()), id);
            kept.facts.number = count;
        }
        if let Some(moving) = &mut ledger.moving
            && !names.contains_key(&moving.aside)
        {
            count += 1;
            let id = name(ledger.data.generation, count);
            names.insert(moving.aside.clone(), id);
        }
        ledger.snapshots = count;
        let new = |id: &String| names.get(id).cloned().unwrap_or_else(|| "gone".to_owned());
        let rename = |standing: &mut Standing| {
            if let Standing::Trial { base: Some(base) } = standing {
                *base = new(base);
            }
        };
        rename(&mut ledger.data.standing);
        ledger.order = ledger.order.as_ref().map(new);
        if let Some(moving) = &mut ledger.moving {
            rename(&mut moving.becomes.standing);
            (moving.from, moving.aside) = (new(&moving.from), new(&moving.aside));
        }
        for kept in &mut self.disk.kept {
            rename(&mut kept.facts.data.standing);
        }
    }
}

/// The versions of an image as it states them.
pub fn snapshot_versions((reads, writes): (u32, u32)) -> BTreeMap<String, imagefacts::StateVersions> {
    BTreeMap::from([("etcd".to_owned(), imagefacts::StateVersions { reads, writes })])
}

/// Drops what no decision looks at.
fn normal_record(mut record: Record) -> Record {
    record.sequence = 1;
    record.boots = 0;
    record.attempt = None;
    record.unsettled = record.unsettled.min(UNSETTLED_LIMIT);
    if record.unsettled == 0 {
        record.last_start = None;
    }
    record.slots = record.slots.map(|mut entry| {
        if entry.last_failure != Reason::ByHand {
            entry.last_failure = Reason::None;
        }
        if entry.is_retired() {
            entry.flags = entry.flags.without(Flags::TRIAL);
        }
        entry
    });
    record
}

/// The numbers that generations get. Those in slots, and those whose number may come back, keep their order, and at most
/// two from one to the next. Those that are gone for good are alike, but for whether they were blessed.
struct Numbers {
    to: BTreeMap<u32, u32>,
    blessed: BTreeSet<u32>,
}

/// A generation that is gone and was never blessed.
const GONE: u32 = 1;
/// A generation that is gone and was blessed.
const GONE_BLESSED: u32 = 2;

impl Numbers {
    fn of(state: &State) -> Numbers {
        let mut from = BTreeSet::new();
        from.extend(state.record.iter().flat_map(|r| [r.slots.a.generation, r.slots.b.generation]));
        from.extend([state.slots.a, state.slots.b].into_iter().flatten().map(|c| c.generation));
        if let Phase::Up(running, _) = state.phase {
            from.insert(running.generation);
        }
        // A record that is lost is made from the headers: a number above theirs comes back.
        let headers =
            [state.slots.a, state.slots.b].into_iter().flatten().map(|c| c.generation).max().unwrap_or(0);
        let mut blessed = BTreeSet::new();
        if let Some(ledger) = &state.disk.ledger {
            blessed.extend(ledger.generations.iter().filter(|(_, k)| k.blessed).map(|(g, _)| *g));
            from.extend(ledger.generations.keys().filter(|g| **g > headers));
            from.extend(Some(ledger.data.generation).filter(|g| *g > headers));
        }
        from.remove(&0);
        let mut to = BTreeMap::from([(0, 0)]);
        let (mut last, mut number): (Option<u32>, u32) = (None, GONE_BLESSED);
        for generation in from {
            number += last.map_or(1, |last| (generation - last).min(2));
            last = Some(generation);
            to.insert(generation, number);
        }
        Numbers { to, blessed }
    }

    fn is_gone(&self, generation: u32) -> bool {
        !self.to.contains_key(&generation)
    }

    fn get(&self, generation: u32) -> u32 {
        let gone = if self.blessed.contains(&generation) { GONE_BLESSED } else { GONE };
        self.to.get(&generation).copied().unwrap_or(gone)
    }
}

//! The state that is explored: a disk, what runs, and what the model alone knows.
//!
//! States are normalised to be finitely many without losing a behaviour: of sequences and places only the
//! order counts, of generations the order and whether one is the next of another, of starts in a row whether
//! they reach the limit; the attempt and the reasons, but for the operator's, are told to people and steer
//! nothing.

use crate::{
    Current, Entry, Flags, Header, Pair, Place, Reason, Record, Running, Slot, UNSETTLED_LIMIT, Why, newest,
};

/// What an exploration varies; everything at once would be too much for a test that runs at each change.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// What may happen to a write of a record.
    pub writes: &'static [Fault],
    /// Epochs that an update may have; an installed disk has 1.
    pub epochs: &'static [u32],
    /// The record that counts may be lost alone: the one before it is read then.
    pub newest_lost: bool,
    /// The operator may step in: roll back, boot once, cancel.
    pub by_hand: bool,
}

/// What a slot's bytes do when they are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quality {
    /// The boot loader or the firmware refuses the UKI.
    Refused,
    /// Dies before `init` answers: kernel, `init`, or a root that does not verify.
    Dead,
    /// Answers, may even be blessed, and dies before it settles: a root that rots in a later block.
    DiesLate,
    /// Runs, and never gets healthy.
    Unhealthy,
    /// A sound generation. It may still die at any time, by a fault.
    Good,
}

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    /// Generation and epoch in a valid header.
    pub header: Option<(u32, u32)>,
    pub quality: Quality,
}

/// How far an update is that began in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Update {
    None,
    /// The slot was given free; its bytes may be anything.
    Begun,
    /// The slot was written and read back.
    Written,
}

/// What the machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Off, or being reset.
    Down,
    /// Started by the boot loader, not answered yet.
    Started(Running),
    /// `init` has answered.
    Up(Running, Update),
}

/// A state of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub records: [Option<Record>; 2],
    pub slots: Pair<Content>,
    pub phase: Phase,
    /// The slot of the last blessed generation: must not be written. Known to the model alone.
    pub keep: Slot,
}

/// What becomes of a write of one sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It reaches the disk.
    None,
    /// The sector is neither old nor new.
    Torn,
    /// The sector stays as it was.
    Lost,
}

impl State {
    /// A disk as installed, before its first boot.
    pub fn installed() -> State {
        let nothing = Content { header: None, quality: Quality::Refused };
        let good = Content { header: Some((1, 1)), quality: Quality::Good };
        State {
            records: [Some(Record::installed(1)), None],
            slots: Pair { a: good, b: nothing },
            phase: Phase::Down,
            keep: Slot::A,
        }
    }

    /// The headers as the boot loader reads them.
    pub fn headers(&self) -> Pair<Option<Header>> {
        self.slots.map(|c| {
            c.header.map(|(generation, epoch)| Header { length: 1, sha256: [0; 32], generation, epoch })
        })
    }

    /// The record that counts.
    pub fn current(&self) -> Current {
        Current::new(self.records[0], self.records[1], &self.headers())
    }

    /// Writes a record.
    pub fn write(mut self, place: Place, record: Record, fault: Fault) -> State {
        let at = usize::from(place == Place::Second);
        match fault {
            Fault::None => self.records[at] = Some(record),
            Fault::Torn => self.records[at] = None,
            Fault::Lost => {}
        }
        self
    }

    /// Returns the state with another phase.
    pub fn with(mut self, phase: Phase) -> State {
        self.phase = phase;
        self
    }

    /// Returns the representative of all states that behave as this one.
    pub fn normal(mut self, scope: &Scope) -> State {
        if let Some((place, newest)) = newest(self.records[0], self.records[1]) {
            let older = self.records[usize::from(place == Place::First)].filter(|_| scope.newest_lost);
            let with = |r: Record, sequence| Record { sequence, ..normal_record(r) };
            self.records = [Some(with(newest, 2)), older.map(|r| with(r, 1))];
        }
        let numbers = Numbers::of(&self);
        for record in self.records.iter_mut().flatten() {
            record.slots = record.slots.map(|e| Entry { generation: numbers.map(e.generation), ..e });
        }
        self.slots = self.slots.map(|c| match c.header {
            None => Content { header: None, quality: Quality::Refused },
            Some((g, e)) => Content { header: Some((numbers.map(g), e)), ..c },
        });
        if let Phase::Started(running) | Phase::Up(running, _) = &mut self.phase {
            running.generation = numbers.map(running.generation);
            running.why = if running.why == Why::Forced { Why::Forced } else { Why::HasTries };
        }
        self
    }
}

/// Drops what no decision looks at: what is only told to people, and starts beyond the limit.
fn normal_record(mut record: Record) -> Record {
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
        if !entry.is_present() {
            entry.flags = entry.flags.without(Flags::EXPIRED);
        }
        entry
    });
    record
}

/// The generations of a state in order; at most two from one to the next are kept.
struct Numbers {
    from: [u32; 7],
    to: [u32; 7],
}

impl Numbers {
    /// Collects the generations of a state.
    fn of(state: &State) -> Numbers {
        let entry = |at: usize, slot| state.records[at].map_or(0, |r| r.slots.get(slot).generation);
        let header = |slot| state.slots.get(slot).header.map_or(0, |(g, _)| g);
        let running = match state.phase {
            Phase::Down => 0,
            Phase::Started(running) | Phase::Up(running, _) => running.generation,
        };
        let [a, b] = Slot::ALL;
        let mut from = [entry(0, a), entry(0, b), entry(1, a), entry(1, b), header(a), header(b), running];
        from.sort_unstable();
        let mut to = [0; 7];
        to[0] = from[0].min(1);
        for i in 1..7 {
            let step = if from[i - 1] == 0 { 1 } else { 2 };
            to[i] = to[i - 1] + (from[i] - from[i - 1]).min(step);
        }
        Numbers { from, to }
    }

    /// Returns the number that stands for `generation`.
    fn map(&self, generation: u32) -> u32 {
        let at = self.from.iter().position(|g| *g == generation).expect("all generations were collected");
        self.to[at]
    }
}

//! The state partition of the model, and what `Store::prepare` does to it, change by change.
//!
//! The decisions are the crate's own; only the moves of directories are repeated here, one for all directories. That the
//! real ones can be cut anywhere is shown on a real directory, in the crate.

use snapshots::decide::{
    Copied, Image, Room, Step, begun, dispensable, dropped, moved, name, next_number, numbered, put_aside,
    started,
};
use snapshots::{Cause, Facts, Kind, Ledger, Snapshot};

use crate::explore::Rules;

/// A set of data, and what the model alone knows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dir {
    /// The version in which it was written last.
    pub version: u32,
    /// It holds the one text whose fate is followed.
    pub has_item: bool,
    /// It was written under a generation that was blessed, or about to be, since the last copy.
    pub is_worth: bool,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kept {
    pub id: String,
    pub facts: Facts,
    /// Absent before it came, and after it went.
    pub dir: Option<Dir>,
}

/// The state partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    pub ledger: Option<Ledger>,
    pub here: Option<Dir>,
    pub kept: Vec<Kept>,
}

/// What preparing leads to.
pub enum Next {
    /// One of these.
    Changed(Vec<Disk>),
    /// Services start.
    Start,
    /// Nothing starts.
    Wait,
}

impl Disk {
    /// The snapshots as the decisions see them: without facts where the directory is not there.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        let is_whole = |k: &Kept| k.dir.is_some() || k.facts.directories.is_empty();
        let seen = |k: &Kept| Snapshot { id: k.id.clone(), facts: is_whole(k).then(|| k.facts.clone()) };
        self.kept.iter().map(seen).collect()
    }

    /// Tells whether the text is anywhere.
    pub fn has_item(&self) -> bool {
        self.here.iter().chain(self.kept.iter().filter_map(|k| k.dir.as_ref())).any(|d| d.has_item)
    }

    /// Does the next change.
    pub fn prepare(&self, image: &Image, rules: &Rules) -> Next {
        let snapshots = self.snapshots();
        let step = match (rules.decide)(self.ledger.as_ref(), image, &snapshots) {
            Ok(step) => step,
            Err(_) => return Next::Wait,
        };
        let Some(ledger) = &self.ledger else {
            return Next::Changed(vec![self.with(started(None, image, &Copied::NotNeeded))]);
        };
        match step {
            Step::Start => Next::Start,
            Step::Record => Next::Changed(vec![self.with(started(Some(ledger), image, &Copied::NotNeeded))]),
            Step::Drop { why } => Next::Changed(vec![self.with(dropped(ledger, &why))]),
            Step::Restore { id, cause } => Next::Changed(vec![self.begin_restore(ledger, &id, cause)]),
            Step::Move => Next::Changed(vec![self.go_on_moving(ledger)]),
            Step::Copy => self.copy(ledger, image, rules),
        }
    }

    fn with(&self, ledger: Ledger) -> Disk {
        Disk { ledger: Some(ledger), ..self.clone() }
    }

    fn without(&self, id: &str) -> Disk {
        let mut next = self.clone();
        next.kept.retain(|k| k.id != id);
        next
    }

    fn begin_restore(&self, ledger: &Ledger, id: &str, cause: Cause) -> Disk {
        let number = next_number(ledger, &self.snapshots());
        let facts = self.kept.iter().find(|k| k.id == id).map(|k| k.facts.clone()).unwrap_or_default();
        let present: Vec<String> = self.here.iter().map(|_| "etcd".to_owned()).collect();
        self.with(begun(ledger, (id, &facts), (&present, number), cause))
    }

    /// The next move of `Store::finish_restore`.
    fn go_on_moving(&self, ledger: &Ledger) -> Disk {
        let mut next = self.clone();
        let Some(moving) = &ledger.moving else { return next };
        let Some(aside) = next.kept.iter_mut().find(|k| k.id == moving.aside) else {
            let facts = put_aside(ledger, moving, 0);
            next.kept.push(Kept { id: moving.aside.clone(), facts, dir: None });
            return next;
        };
        if aside.dir.is_none() && !moving.out.is_empty() {
            aside.dir = next.here.take();
            return next;
        }
        let Some(from) = next.kept.iter_mut().find(|k| k.id == moving.from) else {
            return next.with(moved(ledger, moving));
        };
        match from.dir.take() {
            Some(dir) => next.here = Some(dir),
            None => next = next.without(&moving.from),
        }
        next
    }

    fn copy(&self, ledger: &Ledger, image: &Image, rules: &Rules) -> Next {
        let snapshots = &self.snapshots();
        let old = (rules.dispensable)(ledger, snapshots, Room::Enough);
        if let Some(id) = old.first() {
            return Next::Changed(vec![self.without(id)]);
        }
        let mut out = Vec::new();
        if rules.scope.full {
            out.extend(dispensable(ledger, snapshots, Room::Short).first().map(|id| self.without(id)));
            if ledger.data.versions == image.writes() {
                out.push(self.with(started(Some(ledger), image, &Copied::Failed(String::new()))));
            }
        }
        let number = next_number(ledger, snapshots);
        let id = name(ledger.data.generation, number);
        let mut next = self.clone();
        let directories = next.here.iter().map(|_| "etcd".to_owned()).collect();
        let facts = Facts { data: ledger.data.clone(), kind: Kind::Copy, number, bytes: 0, directories };
        next.kept.push(Kept { id: id.clone(), facts, dir: next.here.clone() });
        out.push(next.clone());
        // The copy, and at once the ledger that names it.
        if let Some(here) = &mut next.here {
            here.is_worth = false;
        }
        out.push(next.with(started(Some(&numbered(ledger, number)), image, &Copied::As(id))));
        Next::Changed(out)
    }
}

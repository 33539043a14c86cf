//! A restore: what is there becomes a snapshot, a snapshot becomes what is there. Directories are moved, not copied: it
//! needs no room.
//!
//! The ledger says first what moves where. From then on every generation that starts goes on with it, whichever it is,
//! and the two phases can be told apart by what is there: a directory that was put aside is aside, one that came is no
//! longer in its snapshot.

use crate::decide::{begun, moved, next_number, put_aside};
use crate::error::StateError;
use crate::ledger::{Cause, Facts, Ledger, Outcome, Snapshot};
use crate::store::Store;

impl Store {
    /// Records a restore. Makes the directory for what is there first: a full disk shows before anything has begun.
    pub(crate) fn begin_restore(
        &self,
        ledger: &Ledger,
        (id, facts, cause): (&str, &Facts, Cause),
        snapshots: &[Snapshot],
    ) -> Result<(), StateError> {
        let present: Vec<String> = self.present().map(str::to_owned).collect();
        let number = next_number(ledger, snapshots);
        let next = begun(ledger, (id, facts), (&present, number), cause);
        self.make_aside(&next)?;
        self.save(&next)
    }

    /// Carries out what the ledger says is under way; returns what came of it.
    pub(crate) fn finish_restore(&self, ledger: &Ledger) -> Result<Option<Outcome>, StateError> {
        let Some(moving) = &ledger.moving else { return Ok(None) };
        let (from, aside) = (self.snapshot(&moving.from), self.snapshot(&moving.aside));
        if !aside.exists() {
            self.make_aside(ledger)?;
            self.rename(&self.aside_draft(&moving.aside), &aside)?;
            self.sync(&self.folder())?;
        }
        for directory in &moving.out {
            let old = aside.join(directory);
            if !old.exists() {
                self.rename(&self.root.join(directory), &old)?;
            }
        }
        self.sync(&aside)?;
        self.sync(&self.root)?;
        for directory in &moving.into {
            let kept = from.join(directory);
            if kept.exists() {
                self.rename(&kept, &self.root.join(directory))?;
            }
        }
        self.sync(&self.root)?;
        // It holds nothing any more, and must not be taken for a snapshot.
        if from.exists() {
            self.forget(&moving.from)?;
        }
        let next = moved(ledger, moving);
        self.save(&next)?;
        Ok(next.outcome)
    }

    /// Makes the directory for what is put aside, with its facts, under a draft's name.
    fn make_aside(&self, ledger: &Ledger) -> Result<(), StateError> {
        let Some(moving) = &ledger.moving else { return Ok(()) };
        let draft = self.aside_draft(&moving.aside);
        self.remove_directory(&draft)?;
        self.make_directory(&draft)?;
        self.write_facts(&draft, &put_aside(ledger, moving, self.bytes()))
    }

    fn aside_draft(&self, id: &str) -> std::path::PathBuf {
        self.snapshot(&format!("{id}.draft"))
    }
}

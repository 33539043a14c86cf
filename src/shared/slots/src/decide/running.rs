//! The generation that runs now, as `init` knows it.

use super::Refusal;
use crate::{Entry, Record, Slot, Why};

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Running {
    /// The slot it was started from.
    pub slot: Slot,
    /// Its generation.
    pub generation: u32,
    /// Why the boot loader started it.
    pub why: Why,
}

impl Running {
    /// Returns what `record` says of the running generation.
    pub(super) fn entry(self, record: &Record) -> Result<&Entry, Refusal> {
        let entry = record.slots.get(self.slot);
        if entry.generation == self.generation && entry.is_present() {
            Ok(entry)
        } else {
            Err(Refusal::NotRecorded {
                slot: self.slot,
                running: self.generation,
                recorded: entry.generation,
            })
        }
    }

    /// The same, if it is blessed and not retired.
    pub(super) fn proven_entry(self, record: &Record) -> Result<&Entry, Refusal> {
        let entry = self.entry(record)?;
        if entry.is_proven() { Ok(entry) } else { Err(Refusal::OnTrial { generation: self.generation }) }
    }
}

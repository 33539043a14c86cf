//! The result of a scrub: printed by the child that reads, reported and stored by its parent.

use control::SlotStatus;
use serde::{Deserialize, Serialize};
use slots::Slot;

/// What was found in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Which one.
    pub slot: Slot,
    /// Its generation.
    pub generation: u32,
    /// What is damaged, with part and place; absent when nothing is.
    pub damage: Option<String>,
}

impl Found {
    /// Returns whether this was found in what the slot holds.
    pub fn is_of(&self, slot: &SlotStatus) -> bool {
        slot.name == self.slot && slot.entry.generation == self.generation
    }
}

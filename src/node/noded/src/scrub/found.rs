//! The result of a scrub: printed by the child that reads, reported and stored by its parent.

use control::SlotStatus;
use serde::{Deserialize, Serialize};
use slots::Slot;

/// The result of reading a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The slot.
    pub slot: Slot,
    /// Its generation.
    pub generation: u32,
    /// The damage, with part and block; absent if there is none.
    pub damage: Option<String>,
}

impl Found {
    /// Returns whether this result is about what the slot holds now.
    pub fn is_of(&self, slot: &SlotStatus) -> bool {
        slot.name == self.slot && slot.entry.generation == self.generation
    }
}

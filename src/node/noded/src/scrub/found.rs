//! What a run of the scrubber finds: printed by the child that reads, claimed and kept by who started it.

use control::SlotStatus;
use serde::{Deserialize, Serialize};

/// What was found in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// `a` or `b`.
    pub slot: String,
    /// Its generation.
    pub generation: u32,
    /// What is damaged, with part and place; absent when nothing is.
    pub damage: Option<String>,
}

impl Found {
    /// Returns whether this was found in what the slot holds.
    pub fn is_of(&self, slot: &SlotStatus) -> bool {
        slot.name == self.slot && slot.generation == self.generation
    }
}

//! The slots of a node, the trial of the running generation, and an operator's changes for the next boot.

use serde::{Deserialize, Serialize};
use slots::Flags;

/// The running generation, both slots, and why it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Boot {
    /// The running slot: `a` or `b`.
    pub slot: String,
    /// The running generation.
    pub generation: u32,
    /// Why the boot loader started it: `has-tries`, `forced`, `no-tries-left-blessed`, `last-resort`, or
    /// `unknown` if it did not say.
    pub why: String,
    /// The slot that the operator has chosen to be started once, at the next boot.
    pub next: Option<String>,
    /// How often the boot loader has run on this disk.
    pub boots: u32,
    /// Both slots.
    pub slots: Vec<Slot>,
    /// The trial; absent if the running generation is not on trial.
    pub trial: Option<Trial>,
}

/// A slot according to the boot record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Slot {
    /// `a` or `b`.
    pub name: String,
    /// Number of its generation; 0 if there never was one.
    pub generation: u32,
    /// Security epoch of the generation.
    pub epoch: u32,
    /// A list of `present`, `trial`, `blessed`, `retired`; empty for an empty slot. Flags of a newer node
    /// that are unknown here are left out.
    pub flags: Flags,
    /// How often it may still be started before the other slot is started instead.
    pub tries_left: u8,
    /// Why it last failed, such as `no-answer` or `deadline`; `none` if it did not. The name of a
    /// [`slots::Reason`] as text: one that only a newer node knows is shown as it is.
    pub last_failure: String,
}

/// The trial of the running generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Trial {
    /// Milliseconds until the node must be healthy; 0 when the deadline has passed.
    pub left_ms: u64,
    /// When the node became healthy, in milliseconds since the kernel started; absent while it is not.
    pub healthy_since_ms: Option<u64>,
    /// What is missing until the generation is blessed, in one line.
    pub waits_for: String,
}

/// The slot to start once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BootOnceRequest {
    /// `a` or `b`; if absent, the inactive slot.
    pub slot: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_the_same_text_whatever_it_is_made_of() {
        let text = concat!(
            r#"{"name":"b","generation":2,"epoch":1,"flags":["present","trial"],"triesLeft":3,"#,
            r#""lastFailure":"no-answer"}"#,
        );
        let slot: Slot = serde_json::from_str(text).unwrap();
        assert_eq!(slot.flags, Flags::PRESENT.with(Flags::TRIAL));
        assert_eq!(serde_json::to_string(&slot).unwrap(), text);
        let newer: Slot = serde_json::from_str(r#"{"flags":["blessed","x"],"lastFailure":"x"}"#).unwrap();
        assert_eq!((newer.flags, newer.last_failure.as_str()), (Flags::BLESSED, "x"));
    }
}

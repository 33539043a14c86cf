//! The slots of a node, the trial of what runs, and what an operator may order about the next boot.

use serde::{Deserialize, Serialize};
use slots::Flags;

/// What runs, what else could, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Boot {
    /// The slot that runs: `a` or `b`.
    pub slot: String,
    /// The generation that runs.
    pub generation: u32,
    /// Why the boot loader started it: `has-tries`, `forced`, `no-tries-left-blessed`, `last-resort`, or
    /// `unknown` where it did not say.
    pub why: String,
    /// The slot that will be started next, once, by the operator's word.
    pub next: Option<String>,
    /// How often the boot loader ran on this disk.
    pub boots: u32,
    /// Both slots.
    pub slots: Vec<Slot>,
    /// How the trial goes; absent when the running generation is on none.
    pub trial: Option<Trial>,
}

/// A slot as the boot record has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Slot {
    /// `a` or `b`.
    pub name: String,
    /// Number of the generation in it; 0 when there never was one.
    pub generation: u32,
    /// Security epoch of the generation.
    pub epoch: u32,
    /// A list of `present`, `trial`, `blessed`, `retired`; empty when the slot is. A flag of a newer node that is
    /// unknown here is left out.
    pub flags: Flags,
    /// How often it may still be started before the other one gets its turn.
    pub tries_left: u8,
    /// Why it failed last, such as `no-answer` or `deadline`; `none`. The name of a [`slots::Reason`], as text:
    /// one that only a newer node knows is shown as it is.
    pub last_failure: String,
}

/// The trial of the running generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Trial {
    /// Milliseconds until the node must be healthy; 0 when that time is over.
    pub left_ms: u64,
    /// Milliseconds since the kernel started, when the node became healthy; absent while it is not.
    pub healthy_since_ms: Option<u64>,
    /// What stands between the generation and its blessing, in one line.
    pub waits_for: String,
}

/// Which slot to start once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BootOnceRequest {
    /// `a` or `b`; absent: the one that does not run.
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

//! Slots, trial and orders of the operator: the boot record as `noded` sees it.
//!
//! The types are those of `slots`, which decides; in JSON they are its stable names.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slots::{Entry, Slot, Why};

/// What the boot record says, and how the trial of the running generation goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootStatus {
    /// The slot that runs.
    pub slot: Slot,
    /// The generation that runs.
    pub generation: u32,
    /// Why the boot loader started it.
    pub why: Why,
    /// The slot that the operator wants started next, once.
    #[serde(default)]
    pub next: Option<Slot>,
    /// How often the boot loader ran on this disk.
    pub boots: u32,
    /// Highest security epoch that was ever blessed here: no lower one is installed.
    #[serde(default)]
    pub epoch_floor: u32,
    /// Both slots, in disk order.
    pub slots: Vec<SlotStatus>,
    /// How the trial goes; absent when the running generation is on none.
    #[serde(default)]
    pub trial: Option<Trial>,
}

impl BootStatus {
    /// Returns the slot that runs.
    #[must_use]
    pub fn running(&self) -> Option<&SlotStatus> {
        self.slots.iter().find(|s| s.name == self.slot)
    }

    /// Returns the slot that does not run.
    #[must_use]
    pub fn other(&self) -> Option<&SlotStatus> {
        self.slots.iter().find(|s| s.name != self.slot)
    }
}

/// What the record says of one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// Which one.
    pub name: Slot,
    /// Its entry in the record.
    #[serde(flatten)]
    pub entry: Entry,
    /// Device of its kernel partition, such as `/dev/vda3`.
    #[serde(default)]
    pub kernel: PathBuf,
    /// Device of its root partition.
    #[serde(default)]
    pub root: PathBuf,
}

/// A slot that was released for writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeSlot {
    /// Which one.
    pub name: Slot,
    /// Number that the generation gets.
    pub generation: u32,
}

/// A trial under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Milliseconds until the generation must be healthy; 0 when that time is over.
    pub left_ms: u64,
    /// Milliseconds since the kernel started, when the node became healthy; absent while it is not.
    #[serde(default)]
    pub healthy_since_ms: Option<u64>,
    /// All that is missing for the blessing is `StateSealed`.
    #[serde(default)]
    pub seal: bool,
    /// What stands between the generation and its blessing, in one line.
    pub waits_for: String,
}

/// What may be ordered about the next boot: by an operator, or by an update on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootOrder {
    /// Give the running generation up for the other one.
    Rollback,
    /// Start a slot once; without a name, the one that does not run.
    BootOnce {
        /// Which one.
        #[serde(default)]
        slot: Option<Slot>,
    },
    /// Call off an update that did not boot yet, and a slot to be started once.
    Cancel,
    /// Give the slot that does not run free, to be written. Answered by `Reply::Free`.
    BeginUpdate,
    /// Have the generation that was written to it count: it is started next, on trial.
    CommitUpdate {
        /// Its number, as `BeginUpdate` gave it.
        generation: u32,
        /// Its security epoch.
        epoch: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Flags, Reason, Record};

    #[test]
    fn the_record_is_plain_words_on_the_wire() {
        let record = Record::installed(4);
        let mut other = *record.slots.get(Slot::B);
        other.flags = Flags::PRESENT.with(Flags::BLESSED).with(Flags::RETIRED);
        other.last_failure = Reason::NoAnswer;
        let slot = |name, entry, kernel: &str, root: &str| SlotStatus {
            name,
            entry,
            kernel: kernel.into(),
            root: root.into(),
        };
        let status = BootStatus {
            slot: Slot::A,
            generation: 1,
            why: Why::HasTries,
            next: Some(Slot::B),
            boots: 7,
            epoch_floor: 2,
            slots: vec![
                slot(Slot::A, record.slots.a, "/dev/vda3", "/dev/vda4"),
                slot(Slot::B, other, "/dev/vda5", "/dev/vda6"),
            ],
            trial: Some(Trial { left_ms: 5, healthy_since_ms: None, seal: false, waits_for: "x".into() }),
        };
        let expected = concat!(
            r#"{"slot":"a","generation":1,"why":"has-tries","next":"b","boots":7,"epoch_floor":2,"slots":["#,
            r#"{"name":"a","generation":1,"epoch":4,"flags":["present","trial"],"tries_left":3,"#,
            r#""last_failure":"none","kernel":"/dev/vda3","root":"/dev/vda4"},"#,
            r#"{"name":"b","generation":0,"epoch":0,"flags":["present","blessed","retired"],"tries_left":0,"#,
            r#""last_failure":"no-answer","kernel":"/dev/vda5","root":"/dev/vda6"}],"#,
            r#""trial":{"left_ms":5,"healthy_since_ms":null,"seal":false,"waits_for":"x"}}"#,
        );
        assert_eq!(serde_json::to_string(&status).unwrap(), expected);
        assert_eq!(serde_json::from_str::<BootStatus>(expected).unwrap(), status);
        let (running, other) = (status.running().unwrap(), status.other().unwrap());
        assert_eq!((running.name, other.name), (Slot::A, Slot::B));
    }

    #[test]
    fn orders_name_a_slot_or_none() {
        let text = |slot| serde_json::to_string(&BootOrder::BootOnce { slot }).unwrap();
        assert_eq!(text(Some(Slot::B)), r#"{"boot-once":{"slot":"b"}}"#);
        assert_eq!(text(None), r#"{"boot-once":{"slot":null}}"#);
        let free = FreeSlot { name: Slot::B, generation: 3 };
        assert_eq!(serde_json::to_string(&free).unwrap(), r#"{"name":"b","generation":3}"#);
    }
}

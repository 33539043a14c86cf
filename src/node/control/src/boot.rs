//! Slots, trial and what an operator may order: the boot record as `noded` sees it.
//!
//! Plain data: the words for flags and reasons are those of `slots`, which decides.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the boot record says, and how the trial of the running generation goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootStatus {
    /// The slot that runs: `a` or `b`.
    pub slot: String,
    /// The generation that runs.
    pub generation: u32,
    /// Why the boot selector started it, such as `has-tries`.
    pub why: String,
    /// The slot that the operator wants started next, once.
    #[serde(default)]
    pub next: Option<String>,
    /// How often the boot selector ran on this disk.
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

/// What the record says of one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// `a` or `b`.
    pub name: String,
    /// Number of the generation in it; 0 when there never was one.
    pub generation: u32,
    /// Security epoch of the generation.
    pub epoch: u32,
    /// `present`, `trial`, `blessed`, `retired`.
    pub flags: Vec<String>,
    /// How often it may still be started.
    pub tries_left: u8,
    /// Why it failed last, such as `no-answer`; `none`.
    pub last_failure: String,
    /// Device of its kernel partition, such as `/dev/vda3`.
    #[serde(default)]
    pub kernel: PathBuf,
    /// Device of its root partition.
    #[serde(default)]
    pub root: PathBuf,
}

/// A slot that was given free, to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeSlot {
    /// `a` or `b`.
    pub name: String,
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
        /// `a` or `b`.
        #[serde(default)]
        slot: Option<String>,
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

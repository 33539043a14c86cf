//! Why a decision was refused. The record is then unchanged.

use core::fmt;

use crate::Slot;

/// Why a decision was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The record does not have the running generation in its slot.
    NotRecorded {
        /// The slot that runs.
        slot: Slot,
        /// The generation that runs.
        running: u32,
        /// The generation in the record.
        recorded: u32,
    },
    /// The running generation is not blessed, so the other slot may be the only good one.
    OnTrial {
        /// The generation that runs.
        generation: u32,
    },
    /// The running generation is blessed already.
    AlreadyBlessed {
        /// The generation that runs.
        generation: u32,
    },
    /// The operator gave the running generation up and it did not reboot yet.
    GivenUp {
        /// The generation that runs.
        generation: u32,
    },
    /// The running generation was started once, by hand.
    Forced {
        /// The generation that runs.
        generation: u32,
    },
    /// The other slot holds a blessed generation above the running one: it is the last good one.
    OtherIsNewer {
        /// The generation that runs.
        running: u32,
        /// The generation in the other slot.
        other: u32,
    },
    /// The running slot was found damaged: the other one may be the only sound one.
    Damaged {
        /// The slot that runs.
        slot: Slot,
    },
    /// The slot holds no complete generation.
    Absent {
        /// The slot.
        slot: Slot,
    },
    /// The slot's generation is not blessed, or is retired.
    NotProven {
        /// The slot.
        slot: Slot,
        /// Its generation.
        generation: u32,
    },
    /// The slot was not given free before it was written.
    NotBegun {
        /// The slot.
        slot: Slot,
    },
    /// The generation to commit does not have the next number.
    GenerationDiffers {
        /// The next number.
        expected: u32,
        /// The number found.
        found: u32,
    },
    /// The generation to commit has an epoch under the one that is in force.
    EpochOlder {
        /// The epoch in force.
        floor: u32,
        /// The epoch found.
        found: u32,
    },
    /// No update waits for its first boot, and no slot is forced.
    NothingPending,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotRecorded { slot, running, recorded } => {
                write!(f, "slot {slot} runs generation {running}, but the record has {recorded}")
            }
            Refusal::OnTrial { generation } => {
                write!(
                    f,
                    "running generation {generation} is on trial: the other slot may be the only good one"
                )
            }
            Refusal::AlreadyBlessed { generation } => write!(f, "generation {generation} is already blessed"),
            Refusal::GivenUp { generation } => {
                write!(f, "running generation {generation} was retired by the operator")
            }
            Refusal::Forced { generation } => {
                write!(f, "running generation {generation} was started once by the operator")
            }
            Refusal::OtherIsNewer { running, other } => {
                write!(
                    f,
                    "running generation {running} is older than blessed generation {other} in the other slot"
                )
            }
            Refusal::Damaged { slot } => {
                write!(f, "running slot {slot} is damaged: the other slot may be the only good one")
            }
            Refusal::Absent { slot } => write!(f, "slot {slot} holds no complete generation"),
            Refusal::NotProven { slot, generation } => {
                write!(f, "generation {generation} in slot {slot} is not blessed, or is retired")
            }
            Refusal::NotBegun { slot } => write!(f, "slot {slot} was not released before it was written"),
            Refusal::GenerationDiffers { expected, found } => {
                write!(f, "committing generation {found}, expected {expected}")
            }
            Refusal::EpochOlder { floor, found } => {
                write!(f, "committing epoch {found}, expected {floor} or higher")
            }
            Refusal::NothingPending => {
                f.write_str("no upgrade waits for its first boot, and no slot is to be started once")
            }
        }
    }
}

impl core::error::Error for Refusal {}

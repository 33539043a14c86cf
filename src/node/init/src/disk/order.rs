//! What is ordered of the process that writes to the disks, and its answers: lines of JSON.

use std::path::PathBuf;

use control::LogLine;
use serde::{Deserialize, Serialize};

/// One write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order")]
pub(crate) enum Order {
    /// Append lines to the file of a log. Not answered: what can't be written is lost.
    Log {
        /// Name of the log.
        name: String,
        /// Complete lines.
        text: String,
    },
    /// Write one sector of the boot record. Answered when it is on the disk.
    Record {
        /// The partition.
        path: PathBuf,
        /// Where, in bytes.
        offset: u64,
        /// The sector.
        sector: Vec<u8>,
    },
    /// Keep a log of a generation that failed its trial. Not answered.
    Keep {
        /// The generation.
        generation: u32,
        /// Name of the log.
        name: String,
        /// Its lines, oldest first.
        lines: Vec<LogLine>,
    },
    /// Remove the logs of all but the last generations that failed. Answered: everything before is done then.
    Finish,
}

impl Order {
    /// Returns whether it is answered by a [`Done`].
    pub(crate) const fn is_answered(&self) -> bool {
        matches!(self, Order::Record { .. } | Order::Finish)
    }
}

/// The answer to an order. Answers come in the order of the orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// One line, why it failed; absent when it did not.
    pub(crate) error: Option<String>,
}

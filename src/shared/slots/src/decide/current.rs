//! The current record, or a substitute when both copies are lost.
//!
//! Without a valid record every slot with a valid header is a candidate with one try, newest generation
//! first. Nothing shows that it was blessed, so whichever runs is on trial. One try each, because one of
//! them may be retired or only half written.

use crate::{Entry, Flags, Header, Pair, Place, Record, newest, write_place};

/// What is known of a disk, and where the next record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Current {
    /// The record that counts; made from the headers if [`Current::rebuilt`].
    pub record: Record,
    /// Place of the next write.
    pub write_to: Place,
    /// Neither record was valid.
    pub rebuilt: bool,
}

impl Current {
    /// Decides on the records read at the two places and on the headers of the kernel partitions.
    #[must_use]
    pub fn new(first: Option<Record>, second: Option<Record>, headers: &Pair<Option<Header>>) -> Current {
        let known = newest(first, second).map(|(_, record)| record);
        Current {
            record: known.unwrap_or_else(|| rebuild(headers)),
            write_to: write_place(first, second),
            rebuilt: known.is_none(),
        }
    }
}

/// Returns a record from nothing but the headers.
fn rebuild(headers: &Pair<Option<Header>>) -> Record {
    let entry = |header: Option<Header>| match header {
        None => Entry::default(),
        Some(Header { generation, epoch, .. }) => {
            Entry { generation, epoch, flags: Flags::PRESENT, tries_left: 1, ..Entry::default() }
        }
    };
    Record { slots: headers.map(entry), ..Record::default() }
}

//! The boot record: which slots there are, what is known of them, and how often each may be tried.
//!
//! Two copies stand in the partition `bootstate`, each alone in its own 4 KiB. The valid one with the
//! higher sequence counts; a write always goes to the other place and is one sector, so that a write cut
//! in the middle leaves the old record. Sequences are compared as serial numbers (the half of the circle
//! in front of a number is newer), so no number is the last one.
//!
//! Layout, little-endian, 512 bytes: 0 magic, 8 version u32, 16 sequence u64, 24 slot A and 36 slot B
//! {generation u32, epoch u32, flags u8, tries left u8, last failure u8, 0}, 48 attempt, 49 force, 50 last
//! start (each 0 none, 1 A, 2 B), 51 unsettled u8, 52 boots u32, 56 epoch floor u32, zeros, 508 crc32 of
//! the 508 bytes in front. Readers of version 1 ignore what they don't know and write it as zeros.
//!
//! What the fields lead to is told where it is decided: `select`, `answer` and their neighbours.

use crate::bytes::{BLOCK, is_sealed, put, seal, u8_at, u32_at, u64_at};
use crate::{Pair, Reason, Slot};

/// Length of a record in bytes: one sector.
pub const RECORD_BYTES: usize = BLOCK;

/// Magic of a record.
const MAGIC: &[u8; 8] = b"IRONBOOT";
/// The version written here, and the only one read.
const VERSION: u32 = 1;

/// Tries of a generation that was just committed.
pub const TRIAL_TRIES: u8 = 3;
/// Tries of a blessed generation.
pub const BLESSED_TRIES: u8 = 9;
/// Consecutive starts without a settled run after which a blessed generation is no longer re-armed.
pub const UNSETTLED_LIMIT: u8 = 16;

/// What is said of a slot, as bits; unknown bits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// The slot holds a whole generation.
    pub const PRESENT: Flags = Flags(1);
    /// The generation has to prove itself until a deadline.
    pub const TRIAL: Flags = Flags(2);
    /// The generation has proven itself.
    pub const BLESSED: Flags = Flags(4);
    /// The generation is retired: started only if nothing else is left.
    pub const RETIRED: Flags = Flags(8);
    /// The trial has ended without health since the generation was committed or blessed last.
    pub const EXPIRED: Flags = Flags(16);

    /// All flags known here, with their stable names.
    const KNOWN: [(Flags, &str); 5] = [
        (Flags::PRESENT, "present"),
        (Flags::TRIAL, "trial"),
        (Flags::BLESSED, "blessed"),
        (Flags::RETIRED, "retired"),
        (Flags::EXPIRED, "expired"),
    ];

    /// Returns the names of the flags that are set and known here.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flags::KNOWN.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }

    /// Returns the flag with the given name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Flags> {
        Flags::KNOWN.into_iter().find(|(_, known)| *known == name).map(|(flag, _)| flag)
    }

    /// Tells whether all bits of `other` are set.
    #[must_use]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the flags with those of `other` set.
    #[must_use]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Returns the flags with those of `other` cleared.
    #[must_use]
    pub const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }
}

/// What the record says of one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
pub struct Entry {
    /// Number of the generation in the slot; a higher one was installed later.
    pub generation: u32,
    /// Security epoch of the generation.
    pub epoch: u32,
    /// What is known of the generation.
    pub flags: Flags,
    /// How often the boot loader may still start it.
    pub tries_left: u8,
    /// Why its last start failed, or why it was retired.
    pub last_failure: Reason,
}

impl Entry {
    /// Tells whether the slot holds a whole generation.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        self.flags.has(Flags::PRESENT)
    }

    /// Returns whether the generation is retired.
    #[must_use]
    pub const fn is_retired(&self) -> bool {
        self.flags.has(Flags::RETIRED)
    }

    /// Returns whether the slot holds a generation that is kept running although its trial has ended without health:
    /// no reboot leads to a better one. `expire` makes it one.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        let on = self.is_present() && !self.is_retired() && !self.flags.has(Flags::BLESSED);
        on && self.flags.has(Flags::EXPIRED) && self.tries_left > 0
    }

    /// Returns whether the slot holds a blessed generation that is not retired.
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.is_present() && self.flags.has(Flags::BLESSED) && !self.is_retired()
    }
}

/// The boot record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// Number of the write, one more each time.
    pub sequence: u64,
    /// What is known of each slot.
    pub slots: Pair<Entry>,
    /// Slot whose start was not answered by `init` yet.
    pub attempt: Option<Slot>,
    /// Slot to start at the next boot, once, by the operator's word.
    pub force: Option<Slot>,
    /// Slot that was started last.
    pub last_start: Option<Slot>,
    /// Starts of `last_start` in a row none of which settled: ran for a while or was shut down in order.
    pub unsettled: u8,
    /// How often the boot loader ran on this disk; wraps.
    pub boots: u32,
    /// Highest epoch that was ever blessed: no lower one is committed.
    pub epoch_floor: u32,
}

/// Where on the partition `bootstate` a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// At byte 0.
    First,
    /// At byte 4096.
    Second,
}

impl Place {
    /// Both places, in disk order.
    pub const ALL: [Place; 2] = [Place::First, Place::Second];

    /// Returns the offset in the partition, in bytes.
    #[must_use]
    pub const fn offset(self) -> u64 {
        match self {
            Place::First => 0,
            Place::Second => 4096,
        }
    }

    /// Returns the other place.
    #[must_use]
    pub const fn other(self) -> Place {
        match self {
            Place::First => Place::Second,
            Place::Second => Place::First,
        }
    }
}

/// Returns the record that counts and its place, of those read at the first and the second place; `None`
/// if neither is valid.
#[must_use]
pub fn newest(first: Option<Record>, second: Option<Record>) -> Option<(Place, Record)> {
    match (first, second) {
        (Some(a), Some(b)) if b.is_newer_than(&a) => Some((Place::Second, b)),
        (Some(a), _) => Some((Place::First, a)),
        (None, Some(b)) => Some((Place::Second, b)),
        (None, None) => None,
    }
}

/// Returns the place to which the next record is written: never the one that counts.
#[must_use]
pub fn write_place(first: Option<Record>, second: Option<Record>) -> Place {
    newest(first, second).map_or(Place::First, |(place, _)| place.other())
}

impl Record {
    /// Parses a record; `None` if magic, version or checksum is wrong.
    #[must_use]
    pub fn parse(block: &[u8; RECORD_BYTES]) -> Option<Record> {
        if !is_sealed(block, MAGIC) || u32_at::<8>(block) != VERSION {
            return None;
        }
        Some(Record {
            sequence: u64_at::<16>(block),
            slots: Pair {
                a: parse_entry::<24, 28, 32, 33, 34>(block),
                b: parse_entry::<36, 40, 44, 45, 46>(block),
            },
            attempt: Slot::from_code(u8_at::<48>(block)),
            force: Slot::from_code(u8_at::<49>(block)),
            last_start: Slot::from_code(u8_at::<50>(block)),
            unsettled: u8_at::<51>(block),
            boots: u32_at::<52>(block),
            epoch_floor: u32_at::<56>(block),
        })
    }

    /// Returns the record as it stands on disk.
    #[must_use]
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut block = [0; RECORD_BYTES];
        put::<0, 8>(&mut block, *MAGIC);
        put::<8, 4>(&mut block, VERSION.to_le_bytes());
        put::<16, 8>(&mut block, self.sequence.to_le_bytes());
        put::<24, 12>(&mut block, encode_entry(&self.slots.a));
        put::<36, 12>(&mut block, encode_entry(&self.slots.b));
        let [attempt, force, last] = [self.attempt, self.force, self.last_start].map(Slot::code);
        put::<48, 4>(&mut block, [attempt, force, last, self.unsettled]);
        put::<52, 4>(&mut block, self.boots.to_le_bytes());
        put::<56, 4>(&mut block, self.epoch_floor.to_le_bytes());
        seal(&mut block);
        block
    }

    /// Returns the first record of a new disk: generation 1 in slot A, on trial.
    #[must_use]
    pub fn installed(epoch: u32) -> Record {
        let mut record = Record { sequence: 1, ..Record::default() };
        record.slots.a = Entry {
            generation: 1,
            epoch,
            flags: Flags::PRESENT.with(Flags::TRIAL),
            tries_left: TRIAL_TRIES,
            last_failure: Reason::None,
        };
        record
    }

    /// Tells whether the record was written after `other`.
    #[must_use]
    pub const fn is_newer_than(&self, other: &Record) -> bool {
        let ahead = self.sequence.wrapping_sub(other.sequence);
        ahead != 0 && ahead <= u64::MAX / 2
    }

    /// Returns the record with the sequence of the next write.
    #[must_use]
    pub const fn succeeding(mut self) -> Record {
        self.sequence = self.sequence.wrapping_add(1);
        self
    }

    /// Returns the number that the next generation gets.
    #[must_use]
    pub fn next_generation(&self) -> u32 {
        self.slots.a.generation.max(self.slots.b.generation).saturating_add(1)
    }
}

/// Parses what a record says of a slot; the parameters are the places of its five fields.
fn parse_entry<const G: usize, const E: usize, const F: usize, const T: usize, const L: usize>(
    block: &[u8; RECORD_BYTES],
) -> Entry {
    Entry {
        generation: u32_at::<G>(block),
        epoch: u32_at::<E>(block),
        flags: Flags(u8_at::<F>(block)),
        tries_left: u8_at::<T>(block),
        last_failure: Reason::from_code(u8_at::<L>(block)),
    }
}

/// Returns what a record says of a slot, as it stands on disk.
fn encode_entry(entry: &Entry) -> [u8; 12] {
    let [g0, g1, g2, g3] = entry.generation.to_le_bytes();
    let [e0, e1, e2, e3] = entry.epoch.to_le_bytes();
    [g0, g1, g2, g3, e0, e1, e2, e3, entry.flags.0, entry.tries_left, entry.last_failure.code(), 0]
}

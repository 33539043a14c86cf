//! Why a slot failed or was retired: a byte in the record with a stable name.
//!
//! Codes and names never change their meaning; new ones are appended. A boot loader may be older than the system it
//! starts and must copy unknown codes from one record to the next: [`Reason::Other`].

use core::fmt;

/// What the record says of a slot's last failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing is known against the slot.
    #[default]
    None,
    /// The slot's header is missing or damaged.
    BadHeader,
    /// The slot's header has another generation than the record.
    GenerationDiffers,
    /// The disk could not be read.
    ReadError,
    /// The UKI is not the one that the header describes.
    BadSha256,
    /// The UKI does not fit into free memory.
    NoMemory,
    /// The firmware does not load the UKI.
    RefusedByFirmware,
    /// The firmware does not trust the UKI's signature.
    BadSignature,
    /// The UKI was started and came back.
    Returned,
    /// The last start was never answered: hang, panic or power cut.
    NoAnswer,
    /// The kernel found no root that belongs to it.
    RootNotFound,
    /// The root does not match the root hash on the command line.
    RootNotVerified,
    /// `init` could not continue.
    InitFailed,
    /// The trial ended without health.
    Deadline,
    /// Health was lost for good within the trial, or could not be proven.
    Health,
    /// The operator gave the generation up.
    ByHand,
    /// Scrubbing found a part of the slot damaged.
    Rotten,
    /// The last start was answered, and its trial had no end: panic, reset, power cut or reboot.
    Interrupted,
    /// Written by a newer version: its code.
    Other(u8),
}

/// All codes known here, with their names; the code is the place in the table.
const KNOWN: [(Reason, &str); 18] = [
    (Reason::None, "none"),
    (Reason::BadHeader, "bad-header"),
    (Reason::GenerationDiffers, "generation-differs"),
    (Reason::ReadError, "read-error"),
    (Reason::BadSha256, "bad-sha256"),
    (Reason::NoMemory, "no-memory"),
    (Reason::RefusedByFirmware, "refused-by-firmware"),
    (Reason::BadSignature, "bad-signature"),
    (Reason::Returned, "returned"),
    (Reason::NoAnswer, "no-answer"),
    (Reason::RootNotFound, "root-not-found"),
    (Reason::RootNotVerified, "root-not-verified"),
    (Reason::InitFailed, "init-failed"),
    (Reason::Deadline, "deadline"),
    (Reason::Health, "health"),
    (Reason::ByHand, "by-hand"),
    (Reason::Rotten, "rotten"),
    (Reason::Interrupted, "interrupted"),
];

impl Reason {
    /// Returns the byte that stands for the reason in a record.
    #[must_use]
    pub fn code(self) -> u8 {
        if let Reason::Other(code) = self {
            return code;
        }
        (0u8..).zip(KNOWN).find(|(_, (r, _))| *r == self).map_or(0, |(code, _)| code)
    }

    /// Returns the reason that a byte of a record stands for.
    #[must_use]
    pub fn from_code(code: u8) -> Reason {
        KNOWN.get(usize::from(code)).map_or(Reason::Other(code), |(reason, _)| *reason)
    }

    /// Returns the stable name; every reason unknown here is `other`.
    #[must_use]
    pub fn name(self) -> &'static str {
        KNOWN.iter().find(|(r, _)| *r == self).map_or("other", |(_, name)| name)
    }

    /// Returns the reason that a text stands for, as [`Reason`] writes it; `None` for any other text.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Reason> {
        if let Some((reason, _)) = KNOWN.iter().find(|(_, name)| *name == text) {
            return Some(*reason);
        }
        let code = text.strip_prefix("other(")?.strip_suffix(')')?.parse().ok()?;
        Some(Reason::from_code(code)).filter(|reason| matches!(reason, Reason::Other(_)))
    }
}

impl fmt::Display for Reason {
    /// Writes the name; for an unknown reason with its code, as `other(200)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Other(code) => write!(f, "other({code})"),
            known => f.write_str(known.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_byte_is_kept() {
        for code in 0..=u8::MAX {
            assert_eq!(Reason::from_code(code).code(), code);
        }
    }

    #[test]
    fn names_are_unique() {
        for (i, (_, name)) in KNOWN.iter().enumerate() {
            assert!(KNOWN[i + 1..].iter().all(|(_, other)| other != name), "{name}");
        }
        assert_eq!(Reason::BadSha256.to_string(), "bad-sha256");
        assert_eq!(Reason::Other(200).to_string(), "other(200)");
    }

    /// Records outlive programs: these numbers stand on disks.
    #[test]
    fn codes_are_pinned() {
        assert_eq!(Reason::NoAnswer.code(), 9);
        assert_eq!(Reason::Rotten.code(), 16);
        assert_eq!(Reason::Interrupted.code(), 17);
    }
}

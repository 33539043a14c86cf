//! Entries of a directory, with their long names.

use super::Volume;
use super::boot_sector::{Root, Width};
use crate::disk::{ReadAt, read_vec};
use crate::le;
use crate::volume::VolumeError;

/// Length of an entry in bytes.
const ENTRY_BYTES: usize = 32;
/// Maximum length of a directory in bytes, by the specification: 65,536 entries.
const MAX_BYTES: u64 = 65_536 * ENTRY_BYTES as u64;
/// UTF-16 units of a long name in one entry.
const UNITS: usize = 13;
/// Maximum number of entries of one long name.
const MAX_PARTS: usize = 20;
/// Attribute bits.
const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const LONG_NAME: u8 = 0x0f;
/// First byte of an entry: the last one of the directory, or a deleted one.
const END: u8 = 0;
const DELETED: u8 = 0xe5;
/// Stands for [`DELETED`] where a name begins with that byte.
const E5: u8 = 0x05;
/// Set in the number of the last part of a long name, which comes first.
const LAST_PART: u8 = 0x40;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Label,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub kind: Kind,
    /// The long name if there is one, otherwise the short one; the label of a label.
    pub name: String,
    pub cluster: u32,
    /// Length in bytes; of a directory always 0.
    pub length: u32,
    short: String,
}

impl Entry {
    /// Returns whether this is the entry's long or short name, in either case.
    pub fn is_called(&self, name: &str) -> bool {
        [&self.name, &self.short].iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// A directory: its bytes are read piece by piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory(Root);

impl<D: ReadAt> Volume<D> {
    /// Returns the root directory.
    pub(super) fn root(&self) -> Directory {
        Directory(self.geometry.root)
    }

    /// Returns the directory that begins at `cluster`; 0 stands for the root.
    pub(super) fn directory(&self, cluster: u32) -> Directory {
        if cluster == 0 { self.root() } else { Directory(Root::Chain(cluster)) }
    }

    /// Calls `look` for each entry until it returns something, and returns that.
    pub(super) fn find_in<T>(
        &self,
        directory: Directory,
        mut look: impl FnMut(&Entry) -> Option<T>,
    ) -> Result<Option<T>, VolumeError> {
        let mut names = LongName::default();
        let mut search = |bytes: &[u8]| {
            for raw in bytes.chunks_exact(ENTRY_BYTES) {
                match self.entry(raw, &mut names) {
                    Raw::End => return Some(None),
                    Raw::Nothing => {}
                    Raw::Entry(entry) => match look(&entry) {
                        None => {}
                        found => return Some(found),
                    },
                }
            }
            None
        };
        match directory.0 {
            Root::Fixed { offset, bytes } => {
                Ok(search(&read_vec(&self.disk, offset, bytes)?).unwrap_or_default())
            }
            Root::Chain(first) => {
                let (mut chain, mut read) = (self.chain(first), 0);
                while let Some(at) = chain.next_offset(&self.disk)? {
                    if let Some(found) = search(&read_vec(&self.disk, at, self.geometry.cluster_bytes)?) {
                        return Ok(found);
                    }
                    read += self.geometry.cluster_bytes;
                    if read > MAX_BYTES {
                        return Err(
                            self.damaged(format!("expected a directory of at most {MAX_BYTES} bytes"))
                        );
                    }
                }
                Ok(None)
            }
        }
    }

    /// Decodes an entry; parts of long names are collected in `names`.
    fn entry(&self, raw: &[u8], names: &mut LongName) -> Raw {
        let byte = |at: usize| raw.get(at).copied().unwrap_or_default();
        if byte(0) == END {
            return Raw::End;
        }
        if byte(0) == DELETED {
            *names = LongName::default();
            return Raw::Nothing;
        }
        if byte(11) & 0x3f == LONG_NAME {
            names.add(raw);
            return Raw::Nothing;
        }
        let long = std::mem::take(names).finish(raw);
        let kind = match byte(11) & (LABEL | DIRECTORY) {
            0 => Kind::File,
            DIRECTORY => Kind::Directory,
            _ => Kind::Label,
        };
        let short = if kind == Kind::Label { label(raw) } else { short_name(raw) };
        let high = if self.geometry.width == Width::Bits32 { le::u16(raw, 20) } else { None };
        let (high, low) = (high.unwrap_or_default(), le::u16(raw, 26).unwrap_or_default());
        Raw::Entry(Entry {
            kind,
            name: long.filter(|_| kind != Kind::Label).unwrap_or_else(|| short.clone()),
            cluster: u32::from(high) << 16 | u32::from(low),
            length: le::u32(raw, 28).unwrap_or_default(),
            short,
        })
    }
}

/// What 32 bytes of a directory are.
enum Raw {
    End,
    Nothing,
    Entry(Entry),
}

/// Returns the name of a label without padding.
fn label(raw: &[u8]) -> String {
    String::from_utf8_lossy(&name_bytes(raw)).trim_end_matches([' ', '\0']).to_owned()
}

/// Returns a short name as `BASE.EXT`.
fn short_name(raw: &[u8]) -> String {
    let bytes = name_bytes(raw);
    let text = |part: &[u8]| String::from_utf8_lossy(part).trim_end().to_owned();
    let (base, extension) = (text(&bytes[..8]), text(&bytes[8..]));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

fn name_bytes(raw: &[u8]) -> [u8; 11] {
    let mut bytes: [u8; 11] = le::array(raw, 0).unwrap_or_default();
    if bytes[0] == E5 {
        bytes[0] = DELETED;
    }
    bytes
}

/// The parts of a long name, which precede the entry they belong to, the last part first.
#[derive(Debug, Default)]
struct LongName {
    /// The parts so far, the last one first.
    parts: Vec<[u16; UNITS]>,
    /// Number of the part that must come next.
    next: u8,
    checksum: u8,
}

impl LongName {
    /// Adds a part; one that does not continue the name discards it.
    fn add(&mut self, raw: &[u8]) {
        let (Some([number]), Some([checksum])) = (le::array::<1>(raw, 0), le::array::<1>(raw, 13)) else {
            return;
        };
        if number & LAST_PART != 0 {
            *self = LongName { parts: Vec::new(), next: number & !LAST_PART, checksum };
        }
        let expected = number & !LAST_PART == self.next && checksum == self.checksum && self.next > 0;
        if !expected || self.parts.len() >= MAX_PARTS {
            *self = LongName::default();
            return;
        }
        self.next -= 1;
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        let mut units = [0; UNITS];
        for (unit, at) in units.iter_mut().zip(places) {
            *unit = le::u16(raw, at).unwrap_or_default();
        }
        self.parts.push(units);
    }

    /// Returns the name if it is complete and belongs to the short entry `raw`.
    fn finish(self, raw: &[u8]) -> Option<String> {
        let name: [u8; 11] = le::array(raw, 0)?;
        let sum = name.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if self.parts.is_empty() || self.next != 0 || sum != self.checksum {
            return None;
        }
        let units = self.parts.iter().rev().flatten().copied().take_while(|unit| *unit != 0);
        String::from_utf16(&units.collect::<Vec<u16>>()).ok()
    }
}

//! SMBIOS structures: what the firmware, or the hypervisor in its place, says about the machine.
//!
//! Reads the table that Linux shows as `/sys/firmware/dmi/tables/DMI`; only what user-data needs is decoded. A table
//! that is cut off ends with its last complete structure. Spec: DMTF DSP0134 3.7, 6.1.

use crate::le;

/// Where Linux shows the table.
pub const TABLE: &str = "/sys/firmware/dmi/tables/DMI";
/// System information; its fields are numbers of strings.
pub const SYSTEM: u8 = 1;
/// Chassis; its fields are numbers of strings, too.
pub const CHASSIS: u8 = 3;
/// Free-form strings of the manufacturer.
pub const OEM_STRINGS: u8 = 11;
/// Marks the end of the table.
const END: u8 = 127;
/// Offsets of fields of [`SYSTEM`].
const MANUFACTURER: usize = 4;
const PRODUCT_NAME: usize = 5;
const SERIAL_NUMBER: usize = 7;
/// Offset of a field of [`CHASSIS`].
const ASSET_TAG: usize = 8;
/// Length of the header of a structure in bytes.
const HEADER_BYTES: usize = 4;
/// Maximum number of structures that are read.
const MAX_STRUCTURES: usize = 4096;

/// A structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure<'a> {
    /// Its type.
    pub kind: u8,
    /// The formatted area, including the header.
    area: &'a [u8],
    /// The strings; the first one is number 1.
    pub strings: Vec<&'a [u8]>,
}

impl<'a> Structure<'a> {
    /// Returns the string whose number is in the byte at `at` of the formatted area; `None` if there is none.
    fn string_at(&self, at: usize) -> Option<&'a [u8]> {
        let number = usize::from(*self.area.get(at)?);
        self.strings.get(number.checked_sub(1)?).copied()
    }

    /// Returns the serial number of a structure of type [`SYSTEM`].
    #[must_use]
    pub fn serial_number(&self) -> Option<&'a [u8]> {
        self.string_at(SERIAL_NUMBER).filter(|_| self.kind == SYSTEM)
    }

    /// Returns the manufacturer of a structure of type [`SYSTEM`].
    #[must_use]
    pub fn manufacturer(&self) -> Option<&'a [u8]> {
        self.string_at(MANUFACTURER).filter(|_| self.kind == SYSTEM)
    }

    /// Returns the name of the product of a structure of type [`SYSTEM`].
    #[must_use]
    pub fn product_name(&self) -> Option<&'a [u8]> {
        self.string_at(PRODUCT_NAME).filter(|_| self.kind == SYSTEM)
    }

    /// Returns the asset tag of a structure of type [`CHASSIS`].
    #[must_use]
    pub fn asset_tag(&self) -> Option<&'a [u8]> {
        self.string_at(ASSET_TAG).filter(|_| self.kind == CHASSIS)
    }
}

/// Reads the structures of a table.
#[must_use]
pub fn read(table: &[u8]) -> Vec<Structure<'_>> {
    let (mut found, mut rest) = (Vec::new(), table);
    while found.len() < MAX_STRUCTURES {
        let Some((structure, after)) = first(rest) else { break };
        if structure.kind == END {
            break;
        }
        found.push(structure);
        rest = after;
    }
    found
}

/// Reads the first structure, and returns what follows it.
fn first(table: &[u8]) -> Option<(Structure<'_>, &[u8])> {
    let [kind, length] = le::array(table, 0)?;
    let (area, mut rest) =
        table.split_at_checked(usize::from(length)).filter(|_| usize::from(length) >= HEADER_BYTES)?;
    let mut strings = Vec::new();
    // Strings end with a byte of 0, their list with another one. Without strings there are two.
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let (string, after) = (rest.get(..end)?, rest.get(end + 1..)?);
        rest = after;
        if string.is_empty() {
            let rest = if strings.is_empty() { rest.strip_prefix(&[0]).unwrap_or(rest) } else { rest };
            return Some((Structure { kind, area, strings }, rest));
        }
        strings.push(string);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A structure as the firmware writes it.
    fn raw(kind: u8, fields: &[u8], strings: &[&str]) -> Vec<u8> {
        let length = u8::try_from(HEADER_BYTES + fields.len()).unwrap();
        let mut bytes = [&[kind, length, 0, 1], fields].concat();
        strings.iter().for_each(|s| bytes.extend([s.as_bytes(), &[0]].concat()));
        bytes.extend(if strings.is_empty() { &[0, 0][..] } else { &[0] });
        bytes
    }

    fn table() -> Vec<u8> {
        [
            raw(0, &[1], &["a BIOS"]),
            raw(32, &[0; 7], &[]),
            raw(SYSTEM, &[1, 2, 0, 3], &["QEMU", "q35", "ds=nocloud;s=http://x/"]),
            raw(OEM_STRINGS, &[2], &["one", "two=2"]),
            raw(END, &[], &[]),
            raw(OEM_STRINGS, &[1], &["after the end"]),
        ]
        .concat()
    }

    #[test]
    fn reads_structures_and_their_strings() {
        let table = table();
        let found = read(&table);
        assert_eq!(found.iter().map(|s| s.kind).collect::<Vec<_>>(), [0, 32, SYSTEM, OEM_STRINGS]);
        assert_eq!(found[1].strings, [b""; 0]);
        assert_eq!(found[2].manufacturer(), Some(&b"QEMU"[..]));
        assert_eq!(found[2].product_name(), Some(&b"q35"[..]));
        assert_eq!(found[2].asset_tag(), None);
        let chassis = raw(CHASSIS, &[1, 1, 0, 0, 2], &["QEMU", "7783"]);
        assert_eq!(read(&chassis)[0].asset_tag(), Some(&b"7783"[..]));
        assert_eq!(found[2].serial_number(), Some(&b"ds=nocloud;s=http://x/"[..]));
        assert_eq!(found[3].strings, [&b"one"[..], b"two=2"]);
        assert_eq!(found[3].serial_number(), None);
    }

    #[test]
    fn a_damaged_table_is_read_as_far_as_it_goes() {
        let table = table();
        for length in 0..table.len() {
            assert!(read(&table[..length]).len() <= 4);
        }
        // END has 6 bytes, what follows it 20.
        assert_eq!(read(&table[..table.len() - 26]).len(), 4);
        assert_eq!(read(&table[..table.len() - 27]).len(), 3);
        for at in 0..table.len() {
            for byte in 0..=255 {
                let mut bad = table.clone();
                bad[at] = byte;
                for structure in read(&bad) {
                    let _ = (structure.manufacturer(), structure.serial_number());
                }
            }
        }
        assert!(read(&[]).is_empty() && read(&[1, 0, 0, 0, 0, 0]).is_empty());
        assert!(read(&[4; 100_000]).is_empty());
        assert_eq!(read(&[1, 4, 0, 0, 0, 0].repeat(10_000)).len(), MAX_STRUCTURES);
    }
}

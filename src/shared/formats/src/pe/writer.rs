//! Writes the EFI application: headers, one section for each segment, and the relocations as `.reloc`.

use std::collections::BTreeMap;

use super::PeError;
use super::elf::{Access, Elf, PAGE, Segment};
use crate::le;

/// Alignment of sections in the file.
const FILE_ALIGNMENT: usize = 512;
/// Offset of the PE signature, after the DOS header; sizes of what follows it.
const SIGNATURE: usize = 64;
const COFF: usize = SIGNATURE + 4;
const OPTIONAL: usize = COFF + 20;
const OPTIONAL_BYTES: usize = 240;
const TABLE: usize = OPTIONAL + OPTIONAL_BYTES;
const SECTION_BYTES: usize = 40;
/// `Machine`: x86-64.
const AMD64: u16 = 0x8664;
/// `Characteristics`: executable, no line numbers, no symbols, large addresses, no debug information.
const FILE_FLAGS: u16 = 0x022e;
/// `DllCharacteristics`: 64-bit addresses, relocatable, never writes what it executes.
const DLL_FLAGS: u16 = 0x0160;
/// `Subsystem`: EFI application.
const EFI_APPLICATION: u16 = 10;
/// Number of data directories, and the number of the one for relocations.
const DIRECTORIES: u32 = 16;
const RELOCATIONS: usize = 5;
/// The relocation of a 64-bit address.
const DIR64: u16 = 10 << 12;

/// A section to be written.
struct Section {
    name: &'static str,
    address: u32,
    /// Length in memory.
    memory: u32,
    bytes: Vec<u8>,
    characteristics: u32,
}

/// Converts a static-pie x86-64 ELF file to an EFI application; the same input gives the same bytes.
///
/// Each loadable segment becomes a section at the same address; segments start at page 1 or above and are
/// read-only, writable or executable. Image base, timestamp and checksum are zero.
///
/// # Errors
/// [`PeError::Malformed`] if the file is truncated or not an ELF file. [`PeError::Unfit`] if it has an
/// interpreter, needs a library, has a segment that is writable and executable or shares a page with another,
/// a relocation other than `R_X86_64_RELATIVE` (as for an undefined symbol) or one in code, or no code at its
/// entry point.
pub fn from_elf(file: &[u8]) -> Result<Vec<u8>, PeError> {
    let elf = Elf::parse(file)?;
    let entry = elf.segments.iter().find(|s| s.offset(elf.entry, 1).is_some());
    if entry.is_none_or(|s| s.access != Access::Execute) {
        return Err(PeError::unfit(format!("its entry point {:#x} is not in code", elf.entry)));
    }
    let mut sections: Vec<Section> = elf.segments.iter().map(section).collect();
    let relocations = relocate(&elf, &mut sections)?;
    let end = sections.last().map_or(0, |s| s.address + s.memory);
    sections.push(Section {
        name: ".reloc",
        address: end.next_multiple_of(PAGE),
        memory: small(relocations.len())?,
        bytes: relocations,
        characteristics: 0x4200_0040,
    });
    write(small(elf.entry)?, &sections)
}

/// Returns a number that was checked to be below 4 GiB when the ELF file was parsed.
fn small<N: TryInto<u32> + Copy + std::fmt::Display>(n: N) -> Result<u32, PeError> {
    n.try_into().map_err(|_| PeError::unfit(format!("{n} does not fit in 32 bits")))
}

/// Converts a segment to a section.
fn section(segment: &Segment<'_>) -> Section {
    let (name, characteristics) = match segment.access {
        Access::Execute => (".text", 0x6000_0020),
        Access::Read => (".rodata", 0x4000_0040),
        Access::Write => (".data", 0xc000_0040),
    };
    let (address, memory, bytes) = (segment.address, segment.memory, segment.bytes.to_vec());
    Section { name, address, memory, bytes, characteristics }
}

/// Applies the relocations for image base 0, and returns the relocation table: one block for each page.
fn relocate(elf: &Elf<'_>, sections: &mut [Section]) -> Result<Vec<u8>, PeError> {
    let mut pages: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
    for &(place, value) in &elf.relocations {
        let found = elf.segments.iter().zip(sections.iter_mut());
        let found = found.filter_map(|(s, to)| Some((s.offset(place, 8)?, s.access, to))).next();
        let (at, access, section) = found
            .ok_or_else(|| PeError::malformed(format!("the relocation at {place:#x} is in no segment")))?;
        if access == Access::Execute {
            return Err(PeError::unfit(format!("the relocation at {place:#x} is in code")));
        }
        le::put(&mut section.bytes, at, &value.to_le_bytes());
        let place = small(place)?;
        let offset = u16::try_from(place % PAGE).expect("a page has 4096 bytes");
        pages.entry(place - place % PAGE).or_default().push(DIR64 | offset);
    }
    if pages.is_empty() {
        // The table must not be empty: firmware regards a file without one as not relocatable.
        pages.insert(sections.first().map_or(PAGE, |s| s.address), vec![0, 0]);
    }
    let mut table = Vec::new();
    for (page, mut entries) in pages {
        if entries.len() % 2 == 1 {
            entries.push(0);
        }
        table.extend(page.to_le_bytes());
        table.extend(small(8 + 2 * entries.len())?.to_le_bytes());
        entries.iter().for_each(|e| table.extend(e.to_le_bytes()));
    }
    Ok(table)
}

/// Writes headers and sections.
fn write(entry: u32, sections: &[Section]) -> Result<Vec<u8>, PeError> {
    let headers_end = (TABLE + SECTION_BYTES * sections.len()).next_multiple_of(FILE_ALIGNMENT);
    let mut file = headers(entry, sections, small(headers_end)?)?;
    file.resize(headers_end, 0);
    for (i, section) in sections.iter().enumerate() {
        let (at, raw) = (file.len(), section.bytes.len().next_multiple_of(FILE_ALIGNMENT));
        let header = TABLE + SECTION_BYTES * i;
        le::put(&mut file, header, section.name.as_bytes());
        let at = if raw == 0 { 0 } else { small(at)? };
        let fields = [section.memory, section.address, small(raw)?, at];
        for (n, field) in fields.iter().enumerate() {
            le::put(&mut file, header + 8 + 4 * n, &field.to_le_bytes());
        }
        le::put(&mut file, header + 36, &section.characteristics.to_le_bytes());
        file.extend(&section.bytes);
        file.resize(file.len().next_multiple_of(FILE_ALIGNMENT), 0);
    }
    Ok(file)
}

/// Returns the headers, including the section table.
fn headers(entry: u32, sections: &[Section], headers_end: u32) -> Result<Vec<u8>, PeError> {
    let raw = |kind: u32| {
        let chosen = sections.iter().filter(|s| s.characteristics & kind != 0);
        small(chosen.map(|s| s.bytes.len().next_multiple_of(FILE_ALIGNMENT)).sum::<usize>())
    };
    let end = sections.last().map_or(0, |s| s.address + s.memory).next_multiple_of(PAGE);
    let relocations = sections.last().map_or((0, 0), |s| (s.address, s.memory));
    let mut file = vec![0; TABLE];
    let mut half = |at, value: u16| le::put(&mut file, at, &value.to_le_bytes());
    half(COFF, AMD64);
    half(COFF + 2, u16::try_from(sections.len()).unwrap_or(u16::MAX));
    half(COFF + 16, u16::try_from(OPTIONAL_BYTES).expect("240 is small"));
    half(COFF + 18, FILE_FLAGS);
    half(OPTIONAL, 0x20b);
    half(OPTIONAL + 68, EFI_APPLICATION);
    half(OPTIONAL + 70, DLL_FLAGS);
    let mut word = |at, value: u32| le::put(&mut file, at, &value.to_le_bytes());
    word(0x3c, small(SIGNATURE)?);
    word(OPTIONAL + 4, raw(0x20)?);
    word(OPTIONAL + 8, raw(0x40)?);
    word(OPTIONAL + 16, entry);
    word(OPTIONAL + 20, sections.first().map_or(0, |s| s.address));
    word(OPTIONAL + 32, PAGE);
    word(OPTIONAL + 36, small(FILE_ALIGNMENT)?);
    word(OPTIONAL + 56, end);
    word(OPTIONAL + 60, headers_end);
    word(OPTIONAL + 108, DIRECTORIES);
    word(OPTIONAL + 112 + 8 * RELOCATIONS, relocations.0);
    word(OPTIONAL + 116 + 8 * RELOCATIONS, relocations.1);
    le::put(&mut file, 0, b"MZ");
    le::put(&mut file, SIGNATURE, b"PE\0\0");
    Ok(file)
}

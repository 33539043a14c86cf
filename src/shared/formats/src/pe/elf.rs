//! The parts of ELF that are needed here: loadable segments, relocations, functions. Bounds-checked.

use super::PeError;
use crate::le;

/// `e_type` of a position-independent file, `e_machine` of x86-64.
const ET_DYN: u16 = 3;
const EM_X86_64: u16 = 62;
/// Types of program headers.
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
/// Sizes of a program header, a section header, a symbol, a relocation and a dynamic entry.
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;
const SYMBOL: usize = 24;
const RELA: usize = 24;
const DYNAMIC: usize = 16;
/// `sh_type` of a symbol table, and the symbol type of a function.
const SHT_SYMTAB: u32 = 2;
const STT_FUNC: u8 = 2;
/// The relocation that adds the load address: the only one that a self-contained file needs.
const R_X86_64_RELATIVE: u64 = 8;
/// Maximum length of an image; ours has a thousandth of it.
const LONGEST: u64 = 64 << 20;
/// Size of a page, the unit of permissions.
pub(super) const PAGE: u32 = 4096;

/// The access permissions of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Execute,
    Read,
    Write,
}

/// A loadable segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// Its first address, page-aligned.
    pub address: u32,
    /// Its length in memory.
    pub memory: u32,
    /// Its bytes in the file; the rest of its memory is zero.
    pub bytes: &'a [u8],
    pub access: Access,
}

impl Segment<'_> {
    /// Returns the offset of `length` bytes at `address` in the segment's file bytes.
    pub(super) fn offset(&self, address: u64, length: usize) -> Option<usize> {
        let at = usize::try_from(address.checked_sub(self.address.into())?).ok()?;
        (at.checked_add(length)? <= self.bytes.len()).then_some(at)
    }
}

/// A function's address and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub address: u64,
    pub name: String,
}

/// A self-contained ELF program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elf<'a> {
    /// Address of its first instruction.
    pub entry: u64,
    /// Sorted by address; they do not share a page.
    pub segments: Vec<Segment<'a>>,
    /// Where an address is stored, and the address: (place, address).
    pub relocations: Vec<(u64, u64)>,
    /// Sorted by address.
    pub functions: Vec<Function>,
}

impl<'a> Elf<'a> {
    /// Parses a file; refuses one that needs more than the firmware's loader.
    pub(super) fn parse(file: &'a [u8]) -> Result<Elf<'a>, PeError> {
        if file.get(..6) != Some(b"\x7fELF\x02\x01") {
            return Err(PeError::malformed("expected a 64-bit little-endian ELF file"));
        }
        let kind = (le::u16(file, 16), le::u16(file, 18));
        if kind != (Some(ET_DYN), Some(EM_X86_64)) {
            return Err(PeError::unfit(format!(
                "expected type {ET_DYN} (static-pie) and machine {EM_X86_64} (x86-64), found {kind:?}"
            )));
        }
        let headers = table(file, (32, 54, 56), PROGRAM_HEADER)?;
        let mut segments = Vec::new();
        let mut dynamic: &[u8] = &[];
        for header in headers.chunks_exact(PROGRAM_HEADER) {
            match le::u32(header, 0) {
                Some(PT_LOAD) => segments.extend(segment(file, header)?),
                Some(PT_DYNAMIC) => dynamic = content(file, header)?,
                Some(PT_INTERP) => return Err(PeError::unfit("it wants an interpreter")),
                _ => {}
            }
        }
        segments.sort_by_key(|s| s.address);
        let shared = segments.windows(2).find(|w| {
            let [low, high] = w else { return false };
            (low.address + low.memory).next_multiple_of(PAGE) > high.address
        });
        if let Some([low, high]) = shared {
            let (low, high) = (low.address, high.address);
            return Err(PeError::unfit(format!("the segments at {low:#x} and {high:#x} share a page")));
        }
        let relocations = relocations(dynamic, &segments)?;
        let entry = le::u64(file, 24).ok_or_else(cut)?;
        Ok(Elf { entry, segments, relocations, functions: functions(file)? })
    }
}

fn cut() -> PeError {
    PeError::malformed("it is cut off")
}

/// Returns `bytes` bytes of the file at `at`.
fn slice(file: &[u8], at: u64, bytes: u64) -> Result<&[u8], PeError> {
    let range = || {
        let at = usize::try_from(at).ok()?;
        file.get(at..at.checked_add(usize::try_from(bytes).ok()?)?)
    };
    range().ok_or_else(cut)
}

/// Returns the headers whose offset, size and number are at these offsets.
fn table(file: &[u8], (at, size, count): (usize, usize, usize), wanted: usize) -> Result<&[u8], PeError> {
    let at = le::u64(file, at).ok_or_else(cut)?;
    let size = usize::from(le::u16(file, size).ok_or_else(cut)?);
    let count = usize::from(le::u16(file, count).ok_or_else(cut)?);
    if count > 0 && size != wanted {
        return Err(PeError::malformed(format!("expected headers of {wanted} bytes, found {size}")));
    }
    slice(file, at, (count * wanted) as u64)
}

/// Returns the file bytes of a program header.
fn content<'a>(file: &'a [u8], header: &[u8]) -> Result<&'a [u8], PeError> {
    let (at, bytes) = (le::u64(header, 8).ok_or_else(cut)?, le::u64(header, 32).ok_or_else(cut)?);
    slice(file, at, bytes)
}

/// Parses a loadable segment; `None` if it is empty.
fn segment<'a>(file: &'a [u8], header: &[u8]) -> Result<Option<Segment<'a>>, PeError> {
    let wide = |at| le::u64(header, at).ok_or_else(cut);
    let (flags, address, memory) = (le::u32(header, 4).ok_or_else(cut)?, wide(16)?, wide(40)?);
    if memory == 0 {
        return Ok(None);
    }
    let access = match flags & 7 {
        5 => Access::Execute,
        4 => Access::Read,
        6 => Access::Write,
        7 => return Err(PeError::unfit(format!("the segment at {address:#x} is writable and executable"))),
        odd => {
            return Err(PeError::unfit(format!("the segment at {address:#x} has the permissions {odd:#o}")));
        }
    };
    let bytes = content(file, header)?;
    let fits = address.checked_add(memory).is_some_and(|end| end <= LONGEST);
    // The first page is needed for the headers.
    if !fits || address == 0 || !address.is_multiple_of(PAGE.into()) || bytes.len() as u64 > memory {
        let what =
            format!("the segment at {address:#x} of {memory} bytes: expected a page from 1 on below 64 MiB");
        return Err(PeError::unfit(what));
    }
    let small = |n: u64| u32::try_from(n).map_err(|_| cut());
    Ok(Some(Segment { address: small(address)?, memory: small(memory)?, bytes, access }))
}

/// Reads the relocations that the dynamic section refers to.
fn relocations(dynamic: &[u8], segments: &[Segment<'_>]) -> Result<Vec<(u64, u64)>, PeError> {
    let (mut address, mut bytes) = (0, 0);
    for entry in dynamic.chunks_exact(DYNAMIC) {
        let value = le::u64(entry, 8).ok_or_else(cut)?;
        match le::u64(entry, 0) {
            Some(0) => break,
            Some(1) => return Err(PeError::unfit("it needs a shared library")),
            Some(7) => address = value,
            Some(8) => bytes = value,
            Some(9) if value != RELA as u64 => {
                return Err(PeError::malformed(format!(
                    "expected relocations of {RELA} bytes, found {value}"
                )));
            }
            Some(tag @ (17 | 23 | 36)) => {
                return Err(PeError::unfit(format!(
                    "it has relocations of the kind {tag} (REL, PLT or RELR)"
                )));
            }
            _ => {}
        }
    }
    if bytes == 0 {
        return Ok(Vec::new());
    }
    let length = usize::try_from(bytes).map_err(|_| cut())?;
    let found = segments.iter().find_map(|s| s.bytes.get(s.offset(address, length)?..)?.get(..length));
    let table = found.ok_or_else(|| PeError::malformed("its relocations stand in no segment"))?;
    let mut relocations = Vec::new();
    for rela in table.chunks_exact(RELA) {
        let wide = |at| le::u64(rela, at).ok_or_else(cut);
        let (place, kind, value) = (wide(0)?, wide(8)?, wide(16)?);
        match kind {
            0 => {}
            R_X86_64_RELATIVE => relocations.push((place, value)),
            // Also for an undefined symbol.
            _ => {
                return Err(PeError::unfit(format!(
                    "the relocation at {place:#x} is of the kind {kind:#x}, expected {R_X86_64_RELATIVE:#x} alone"
                )));
            }
        }
    }
    relocations.sort_unstable();
    Ok(relocations)
}

/// Reads the functions of the symbol table; none if it was stripped.
fn functions(file: &[u8]) -> Result<Vec<Function>, PeError> {
    let sections = table(file, (40, 58, 60), SECTION_HEADER)?;
    let mut functions = Vec::new();
    for section in sections.chunks_exact(SECTION_HEADER) {
        if le::u32(section, 4) != Some(SHT_SYMTAB) {
            continue;
        }
        let wide = |header: &[u8], at| le::u64(header, at).ok_or_else(cut);
        let symbols = slice(file, wide(section, 24)?, wide(section, 32)?)?;
        let link = le::u32(section, 40).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let strings = sections.chunks_exact(SECTION_HEADER).nth(link).ok_or_else(cut)?;
        let strings = slice(file, wide(strings, 24)?, wide(strings, 32)?)?;
        for symbol in symbols.chunks_exact(SYMBOL) {
            let is_function = symbol.get(4).is_some_and(|info| info & 0xf == STT_FUNC);
            let address = wide(symbol, 8)?;
            if is_function && address > 0 {
                functions.push(Function { address, name: name(strings, symbol) });
            }
        }
    }
    functions.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    functions.dedup_by_key(|f| f.address);
    Ok(functions)
}

/// Returns a symbol's name; empty if it can't be read.
fn name(strings: &[u8], symbol: &[u8]) -> String {
    let at = le::u32(symbol, 0).and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX);
    let bytes = strings.get(at..).and_then(|s| s.split(|b| *b == 0).next()).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

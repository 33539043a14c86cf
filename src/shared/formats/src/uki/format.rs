//! The PE fields that are needed here, parsed with bounds checks.

use super::UkiError;
use crate::le;

/// Size of a section header.
pub(crate) const SECTION_BYTES: usize = 40;
/// Maximum number of sections in a PE file.
const MAX_SECTIONS: u16 = 96;
/// Maximum file alignment according to the specification.
const MAX_FILE_ALIGNMENT: u32 = 64 << 10;
/// `Magic` of a 64-bit optional header.
const PE32_PLUS: u16 = 0x20b;
/// `Subsystem` of an EFI application.
const EFI_APPLICATION: u16 = 10;
/// Offset of the data directories in the optional header, and the number of the one for signatures.
const DIRECTORIES_AT: usize = 112;
const CERTIFICATES: usize = 4;

/// Characteristics of a section of code.
#[cfg(feature = "builder")]
pub(crate) const CODE: u32 = 0x6000_0020;
/// Characteristics of a section of data.
#[cfg(feature = "builder")]
pub(crate) const DATA: u32 = 0x4000_0040;

/// Offsets of a PE file's headers, and their fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Headers {
    /// Offset of the COFF header, after the signature.
    pub coff: usize,
    /// Offset of the optional header.
    pub optional: usize,
    /// Offset of the section headers.
    pub table: usize,
    pub section_alignment: u64,
    pub file_alignment: u64,
    pub size_of_image: u32,
    pub size_of_headers: u32,
    pub signed: bool,
    pub sections: Vec<Header>,
}

/// A section header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub name: String,
    pub virtual_size: u32,
    pub address: u32,
    pub raw_size: u32,
    pub raw_at: u32,
    pub characteristics: u32,
}

impl Header {
    /// Returns the header as bytes.
    #[cfg(feature = "builder")]
    pub(crate) fn to_bytes(&self) -> [u8; SECTION_BYTES] {
        let mut bytes = [0; SECTION_BYTES];
        le::put(&mut bytes[..8], 0, self.name.as_bytes());
        le::put(&mut bytes, 8, &self.virtual_size.to_le_bytes());
        le::put(&mut bytes, 12, &self.address.to_le_bytes());
        le::put(&mut bytes, 16, &self.raw_size.to_le_bytes());
        le::put(&mut bytes, 20, &self.raw_at.to_le_bytes());
        le::put(&mut bytes, 36, &self.characteristics.to_le_bytes());
        bytes
    }

    /// Parses the header at `at`.
    fn parse(bytes: &[u8], at: usize) -> Option<Header> {
        let name: [u8; 8] = le::array(bytes, at)?;
        let name = name.split(|b| *b == 0).next().unwrap_or_default();
        Some(Header {
            name: String::from_utf8_lossy(name).into_owned(),
            virtual_size: le::u32(bytes, at + 8)?,
            address: le::u32(bytes, at + 12)?,
            raw_size: le::u32(bytes, at + 16)?,
            raw_at: le::u32(bytes, at + 20)?,
            characteristics: le::u32(bytes, at + 36)?,
        })
    }
}

impl Headers {
    /// Parses the headers at the start of `bytes`; `file` is its name in errors.
    pub(crate) fn parse(bytes: &[u8], file: &'static str) -> Result<Headers, UkiError> {
        let bad = |what: String| UkiError::Malformed { file, what };
        let cut = || bad("its headers are cut off".into());
        if bytes.get(..2) != Some(b"MZ") {
            return Err(bad("it does not start with MZ".into()));
        }
        let signature = le::u32(bytes, 0x3c).and_then(|at| usize::try_from(at).ok()).ok_or_else(cut)?;
        if le::array(bytes, signature) != Some(*b"PE\0\0") {
            return Err(bad(format!("there is no PE header at {signature:#x}")));
        }
        let coff = signature + 4;
        let count = le::u16(bytes, coff + 2).ok_or_else(cut)?;
        let optional_bytes = le::u16(bytes, coff + 16).ok_or_else(cut)?;
        let optional = coff + 20;
        let table = optional + usize::from(optional_bytes);
        let (magic, subsystem) = (le::u16(bytes, optional), le::u16(bytes, optional + 68));
        if (magic, subsystem) != (Some(PE32_PLUS), Some(EFI_APPLICATION)) {
            return Err(bad("it is not a 64-bit EFI application".into()));
        }
        if count > MAX_SECTIONS {
            return Err(bad(format!("it has {count} sections, at most {MAX_SECTIONS} are believed")));
        }
        let wide = |at| le::u32(bytes, optional + at).ok_or_else(cut);
        let [section_alignment, file_alignment] = [wide(32)?, wide(36)?];
        if !section_alignment.is_power_of_two() || !file_alignment.is_power_of_two() {
            return Err(bad(format!("it has alignments {section_alignment} and {file_alignment}")));
        }
        // Everything that is added is padded to it.
        if file_alignment > MAX_FILE_ALIGNMENT {
            return Err(bad(format!(
                "it has a file alignment of {file_alignment}, at most 65536 is believed"
            )));
        }
        let certificates = DIRECTORIES_AT + CERTIFICATES * 8;
        let has_directory = usize::from(optional_bytes) >= certificates + 8;
        let sections = (0..usize::from(count)).map(|i| Header::parse(bytes, table + i * SECTION_BYTES));
        Ok(Headers {
            coff,
            optional,
            table,
            section_alignment: section_alignment.into(),
            file_alignment: file_alignment.into(),
            size_of_image: wide(56)?,
            size_of_headers: wide(60)?,
            signed: has_directory && wide(certificates + 4)? != 0,
            sections: sections.collect::<Option<_>>().ok_or_else(cut)?,
        })
    }
}

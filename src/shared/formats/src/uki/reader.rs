//! Lists the sections of an image.

use std::ops::Range;

use super::UkiError;
use super::format::Headers;

/// Length of the start of an image that contains all of its headers.
pub const HEAD_BYTES: u64 = 4096;
/// Maximum length of a command line, which is the kernel's.
pub const MAX_CMDLINE_BYTES: u64 = 4096;

/// A section of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Name, with its dot.
    pub name: String,
    /// Address in memory, relative to the start of the image.
    pub address: u32,
    /// Length in memory.
    pub virtual_size: u32,
    /// Its bytes in the file, without padding.
    pub bytes: &'a [u8],
}

/// Returns the sections of the image at the start of `bytes`; data after it is ignored.
///
/// # Errors
/// [`UkiError::Malformed`] if it is not a 64-bit EFI program or a section is truncated.
pub fn sections(bytes: &[u8]) -> Result<Vec<Section<'_>>, UkiError> {
    let headers = Headers::parse(bytes, "image")?;
    let mut sections = Vec::with_capacity(headers.sections.len());
    for header in headers.sections {
        let start = usize::try_from(header.raw_at).unwrap_or(usize::MAX);
        let length = usize::try_from(header.raw_size.min(header.virtual_size)).unwrap_or(usize::MAX);
        let range = start.checked_add(length).and_then(|end| bytes.get(start..end));
        let content = range.ok_or_else(|| UkiError::Malformed {
            file: "image",
            what: format!("section {:?} is cut off", header.name),
        })?;
        let (address, virtual_size) = (header.address, header.virtual_size);
        sections.push(Section { name: header.name, address, virtual_size, bytes: content });
    }
    Ok(sections)
}

/// Returns the range of a section's bytes in an image, without padding; `None` if it has no such section.
/// Only the start of the image is needed: all headers must be in `head`, see [`HEAD_BYTES`].
///
/// # Errors
/// [`UkiError::Malformed`] if it is not a 64-bit EFI program or its headers are truncated.
pub fn locate(head: &[u8], name: &str) -> Result<Option<Range<u64>>, UkiError> {
    let headers = Headers::parse(head, "image")?;
    let found = headers.sections.iter().find(|s| s.name == name);
    Ok(found.map(|s| {
        let start = u64::from(s.raw_at);
        start..start + u64::from(s.raw_size.min(s.virtual_size))
    }))
}

//! Lists the sections of an image.

use std::ops::Range;

use super::UkiError;
use super::format::Headers;

/// Bytes at the beginning of an image that hold all of its headers.
pub const HEAD_BYTES: u64 = 4096;
/// Longest command line that is believed; the kernel takes no longer one.
pub const MAX_CMDLINE_BYTES: u64 = 4096;

/// A section of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Name, with its dot.
    pub name: String,
    /// Address in memory, from the start of the image.
    pub address: u32,
    /// Length in memory.
    pub virtual_size: u32,
    /// Its bytes in the file, without the padding behind them.
    pub bytes: &'a [u8],
}

/// Returns the sections of the image that starts with `bytes`; what follows it there does not matter.
///
/// # Errors
/// [`UkiError::Malformed`] if it is no 64-bit EFI program or a section is cut off.
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

/// Returns where in an image the bytes of a section stand, without the padding behind them, or `None` if it
/// has no such section. Of the image only its beginning is needed: all headers must be in `head`, see
/// [`HEAD_BYTES`].
///
/// # Errors
/// [`UkiError::Malformed`] if it is no 64-bit EFI program or its headers are cut off.
pub fn locate(head: &[u8], name: &str) -> Result<Option<Range<u64>>, UkiError> {
    let headers = Headers::parse(head, "image")?;
    let found = headers.sections.iter().find(|s| s.name == name);
    Ok(found.map(|s| {
        let start = u64::from(s.raw_at);
        start..start + u64::from(s.raw_size.min(s.virtual_size))
    }))
}

//! Lists the sections of an image.

use super::UkiError;
use super::format::Headers;

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

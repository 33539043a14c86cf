//! Appends the sections to the stub.

use super::UkiError;
use super::format::{CODE, DATA, Header, Headers, SECTION_BYTES};
use crate::le;

/// Size of a page. Sections of data and of code never share one, whatever the stub's alignment: firmware may
/// set permissions for each page.
const PAGE_BYTES: u64 = 4096;

/// The parts of an image.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The systemd stub, unsigned.
    pub stub: &'a [u8],
    /// Content of os-release.
    pub os_release: &'a str,
    /// The kernel command line.
    pub cmdline: &'a str,
    /// Release of the kernel, as in `uname -r`.
    pub uname: &'a str,
    /// The initrd, compressed or not.
    pub initrd: &'a [u8],
    /// The kernel, with its EFI stub (a bzImage).
    pub kernel: &'a [u8],
}

/// Builds the image: `.osrel`, `.cmdline`, `.uname`, `.initrd`, `.linux` after the sections of the stub.
///
/// `.linux` is last and as large in memory as the kernel requires (`SizeOfImage`), so that the kernel may
/// expand in place. The stub's COFF symbols are dropped, and its checksum is cleared.
///
/// # Errors
/// [`UkiError::Malformed`] if stub or kernel is not a 64-bit EFI program, [`UkiError::Signed`] if the stub is
/// signed, [`UkiError::Twice`] if it already has one of the sections, [`UkiError::NoRoom`] if it has no space
/// for five headers, [`UkiError::TooLong`] if the image would be too long.
pub fn build(parts: &Parts<'_>) -> Result<Vec<u8>, UkiError> {
    let headers = Headers::parse(parts.stub, "stub")?;
    let kernel = Headers::parse(parts.kernel, "kernel")?;
    if headers.signed {
        return Err(UkiError::Signed);
    }
    let data = |name, bytes| New { name, bytes, memory: 0, characteristics: DATA };
    let added = [
        data(".osrel", parts.os_release.as_bytes()),
        data(".cmdline", parts.cmdline.as_bytes()),
        data(".uname", parts.uname.as_bytes()),
        data(".initrd", parts.initrd),
        New { name: ".linux", bytes: parts.kernel, memory: kernel.size_of_image, characteristics: CODE },
    ];
    let twice = added.iter().find(|new| headers.sections.iter().any(|s| s.name == new.name));
    if let Some(new) = twice {
        return Err(UkiError::Twice(new.name.to_owned()));
    }
    let room = header_room(&headers);
    if added.len() > room {
        return Err(UkiError::NoRoom { wanted: added.len(), room });
    }
    let mut image = Image::new(parts.stub, headers)?;
    for new in added {
        image.add(&new)?;
    }
    Ok(image.finish())
}

/// A section to add.
struct New<'a> {
    name: &'static str,
    bytes: &'a [u8],
    /// Least length in memory.
    memory: u32,
    characteristics: u32,
}

/// Returns how many more section headers fit before the first section.
fn header_room(headers: &Headers) -> usize {
    // A malformed stub may have a section that begins at offset 0, over the headers: there is no space then.
    let starts = |s: &Header| [(s.address > 0).then_some(s.address), (s.raw_size > 0).then_some(s.raw_at)];
    let limit = headers.sections.iter().flat_map(starts).flatten().min();
    let limit = limit.unwrap_or(headers.size_of_headers);
    let used = headers.table + headers.sections.len() * SECTION_BYTES;
    usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(used) / SECTION_BYTES
}

/// The image while it is built.
struct Image {
    bytes: Vec<u8>,
    headers: Headers,
    /// Alignment of added sections in memory.
    alignment: u64,
    /// Address of the next section in memory.
    address: u64,
    /// Added bytes of data and of code.
    data_bytes: u32,
    code_bytes: u32,
}

impl Image {
    /// Copies the stub, without data after its sections.
    fn new(stub: &[u8], headers: Headers) -> Result<Image, UkiError> {
        let bad = |what: &str| UkiError::Malformed { file: "stub", what: what.to_owned() };
        let ends = headers.sections.iter().map(|s| u64::from(s.raw_at) + u64::from(s.raw_size));
        let end = ends.max().ok_or_else(|| bad("it has no sections"))?;
        let end = usize::try_from(end).map_err(|_| bad("its sections are cut off"))?;
        let bytes = stub.get(..end).ok_or_else(|| bad("its sections are cut off"))?.to_vec();
        if bytes.len() < headers.table + headers.sections.len() * SECTION_BYTES {
            return Err(bad("its sections end within its headers"));
        }
        let tops = headers.sections.iter().map(|s| u64::from(s.address) + u64::from(s.virtual_size));
        let alignment = headers.section_alignment.max(PAGE_BYTES);
        let address = tops.max().unwrap_or_default().next_multiple_of(alignment);
        let mut image = Image { bytes, headers, alignment, address, data_bytes: 0, code_bytes: 0 };
        image.pad();
        Ok(image)
    }

    /// Appends a section.
    fn add(&mut self, new: &New<'_>) -> Result<(), UkiError> {
        let New { name, bytes, memory, characteristics } = *new;
        let too_long = || UkiError::TooLong(name.to_owned());
        let small = |n: u64| u32::try_from(n).map_err(|_| too_long());
        let raw_size = small((bytes.len() as u64).next_multiple_of(self.headers.file_alignment))?;
        let header = Header {
            name: name.to_owned(),
            virtual_size: small(bytes.len() as u64)?.max(memory),
            address: small(self.address)?,
            raw_size,
            raw_at: small(self.bytes.len() as u64)?,
            characteristics,
        };
        let top = self.address + u64::from(header.virtual_size);
        self.address = u64::from(small(top.next_multiple_of(self.alignment))?);
        let counted = if characteristics == CODE { &mut self.code_bytes } else { &mut self.data_bytes };
        *counted = counted.checked_add(raw_size).ok_or_else(too_long)?;
        let at = self.headers.table + self.headers.sections.len() * SECTION_BYTES;
        le::put(&mut self.bytes, at, &header.to_bytes());
        self.headers.sections.push(header);
        self.bytes.extend_from_slice(bytes);
        self.pad();
        Ok(())
    }

    /// Pads to the file alignment.
    fn pad(&mut self) {
        let alignment = usize::try_from(self.headers.file_alignment).expect("32 bits");
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
    }

    /// Updates the headers.
    fn finish(mut self) -> Vec<u8> {
        let Headers { coff, optional, table, .. } = self.headers;
        let count = self.headers.sections.len();
        let table_end =
            ((table + count * SECTION_BYTES) as u64).next_multiple_of(self.headers.file_alignment);
        let headers_end = u64::from(self.headers.size_of_headers).max(table_end);
        let small = |n: u64| u32::try_from(n).expect("the room in front of the first section was checked");
        let add = |at, n: u32| le::u32(&self.bytes, at).unwrap_or_default().wrapping_add(n);
        let (code, data) = (add(optional + 4, self.code_bytes), add(optional + 8, self.data_bytes));
        let bytes = &mut self.bytes;
        le::put(bytes, coff + 2, &u16::try_from(count).expect("at most 101").to_le_bytes());
        // PointerToSymbolTable and NumberOfSymbols: the symbols were after the sections.
        le::put(bytes, coff + 8, &[0; 8]);
        le::put(bytes, optional + 4, &code.to_le_bytes());
        le::put(bytes, optional + 8, &data.to_le_bytes());
        le::put(bytes, optional + 56, &small(self.address).to_le_bytes());
        le::put(bytes, optional + 60, &small(headers_end).to_le_bytes());
        le::put(bytes, optional + 64, &[0; 4]);
        self.bytes
    }
}

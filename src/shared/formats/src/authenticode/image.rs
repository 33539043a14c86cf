//! Determines which bytes of a program are signed.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::AuthenticodeError;
use crate::le;
use crate::uki::format::Headers;

/// Offset of the checksum in the optional header.
const CHECKSUM_AT: usize = 64;
/// Offsets in the optional header: the number of data directories, and the first of them.
const COUNT_AT: usize = 108;
const DIRECTORIES_AT: usize = 112;
/// Number of the directory entry for the attribute certificate table.
const CERTIFICATES: usize = 4;
/// Alignment of the attribute certificate table.
const ALIGNMENT: usize = 8;

/// A program that can be signed, with the offsets of what signing changes.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// The program, padded to where the attribute certificate table begins.
    pub bytes: Vec<u8>,
    /// Offset of the checksum, four bytes.
    pub checksum: usize,
    /// Offset of the directory entry, eight bytes.
    pub directory: usize,
}

impl Image {
    /// Parses a program without a signature.
    pub(super) fn parse(program: &[u8]) -> Result<Image, AuthenticodeError> {
        let headers = Headers::parse(program, "program")?;
        let directories = le::u32(program, headers.optional + COUNT_AT).unwrap_or(0);
        let directory = headers.optional + DIRECTORIES_AT + 8 * CERTIFICATES;
        if usize::try_from(directories).unwrap_or(0) <= CERTIFICATES || directory + 8 > headers.table {
            return Err(AuthenticodeError::NoDirectory(directories));
        }
        if headers.signed {
            return Err(AuthenticodeError::Signed);
        }
        check_whole(&headers, program.len() as u64)?;
        let mut bytes = program.to_vec();
        bytes.resize(program.len().next_multiple_of(ALIGNMENT), 0);
        if u32::try_from(bytes.len()).is_err() {
            return Err(AuthenticodeError::TooLong);
        }
        Ok(Image { bytes, checksum: headers.optional + CHECKSUM_AT, directory })
    }

    /// Returns the ranges that are hashed: everything except the checksum and the directory entry, which
    /// signing changes.
    fn hashed(&self) -> [Range<usize>; 3] {
        [0..self.checksum, self.checksum + 4..self.directory, self.directory + 8..self.bytes.len()]
    }

    /// Returns the hash that is signed.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        self.hashed().into_iter().for_each(|range| digest.update(&self.bytes[range]));
        digest.finalize().into()
    }
}

/// Checks that headers and sections are contiguous.
///
/// According to the specification, the hash covers the headers, then the sections in file order, then as many
/// bytes at the end as have not been counted. Without gaps this is the file in order; with a gap, the bytes
/// in it would not be signed.
fn check_whole(headers: &Headers, bytes: u64) -> Result<(), AuthenticodeError> {
    let mut places: Vec<(u64, u64)> = headers
        .sections
        .iter()
        .filter(|s| s.raw_size > 0)
        .map(|s| (u64::from(s.raw_at), u64::from(s.raw_size)))
        .collect();
    places.sort_unstable();
    let mut end = u64::from(headers.size_of_headers);
    for (found, length) in places {
        if found != end {
            return Err(AuthenticodeError::Gap { expected: end, found });
        }
        end += length;
    }
    let table_end = (headers.table + headers.sections.len() * crate::uki::format::SECTION_BYTES) as u64;
    if end > bytes || u64::from(headers.size_of_headers) < table_end {
        return Err(AuthenticodeError::Cut { end: end.max(table_end), bytes });
    }
    Ok(())
}

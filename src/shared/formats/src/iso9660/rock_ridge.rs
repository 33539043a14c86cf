//! Rock Ridge: the real name of a file, in fields after its record.

use crate::disk::{ReadAt, read_vec};
use crate::le;
use crate::volume::VolumeError;

/// Maximum number of areas in which the fields of one file go on.
const MAX_AREAS: usize = 4;
/// Maximum length of such an area in bytes.
const MAX_AREA_BYTES: u64 = 2048;
/// Maximum length of a name in bytes.
const MAX_NAME_BYTES: usize = 255;
/// Flags of a name: it is `.` or `..`.
const DOTS: u8 = 0x06;

/// Returns the number of bytes to skip before the fields, which the first record of a directory states.
pub(super) fn skipped(system_use: &[u8]) -> usize {
    match system_use {
        [b'S', b'P', 7, 1, 0xbe, 0xef, skip, ..] => usize::from(*skip),
        _ => 0,
    }
}

/// Returns the name in the fields; `None` if there is none.
pub(super) fn name(
    disk: &impl ReadAt,
    fields: &[u8],
    block_bytes: u64,
) -> Result<Option<String>, VolumeError> {
    let mut name: Option<Vec<u8>> = None;
    let mut area = fields.to_vec();
    for _ in 0..=MAX_AREAS {
        let mut next = None;
        for field in split(&area) {
            match field {
                [b'N', b'M', _, _, flags, part @ ..] if flags & DOTS == 0 => {
                    name.get_or_insert_default().extend(part);
                }
                [b'C', b'E', ..] => next = continuation(field, block_bytes),
                _ => {}
            }
        }
        let within =
            |(at, bytes): &(u64, u64)| *bytes <= MAX_AREA_BYTES && at.saturating_add(*bytes) <= disk.len();
        match next.filter(within) {
            Some((at, bytes)) => area = read_vec(disk, at, bytes)?,
            None => break,
        }
    }
    let sound = name.filter(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES);
    Ok(sound.map(|name| String::from_utf8_lossy(&name).into_owned()))
}

/// Splits an area into fields; ends at the first that does not fit.
fn split(mut area: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = usize::from(*area.get(2)?);
        let (field, rest) = area.split_at_checked(length).filter(|_| length >= 4)?;
        area = rest;
        Some(field)
    })
}

/// Returns offset and length of the area that a `CE` field names.
fn continuation(field: &[u8], block_bytes: u64) -> Option<(u64, u64)> {
    let long = |at| le::u32(field, at).map(u64::from);
    Some((long(4)? * block_bytes + long(12)?, long(20)?))
}

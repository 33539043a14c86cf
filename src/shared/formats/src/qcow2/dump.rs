//! Formats the contents of a qcow2 file as text, for review and `inspect`.

use std::fmt::Write;
use std::io;

use super::Reader;
use crate::disk::ReadAt;

/// Returns length and data ranges of the disk as text, one range a line.
///
/// # Errors
/// The I/O error of reading the image.
pub fn dump<D: ReadAt>(image: &Reader<D>) -> io::Result<String> {
    let mut text = format!("disk of {} bytes\n", image.len());
    let mut at = 0;
    while let Some(range) = image.next_data(at)? {
        writeln!(text, "data {:#014x} to {:#014x}", range.start, range.end).map_err(io::Error::other)?;
        at = range.end;
    }
    Ok(text)
}

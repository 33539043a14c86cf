//! Reads one file of the EFI system partition.

use super::{FatError, Volume};
use crate::disk::ReadAt;

/// Reads the file at a `/`-separated path of the FAT that fills `disk`.
///
/// # Errors
/// [`FatError::Read`] if there is no FAT, the file does not exist, or its length exceeds the disk.
pub fn read(disk: &impl ReadAt, path: &str) -> Result<Vec<u8>, FatError> {
    let found = Volume::open(disk).and_then(|volume| volume.read(path, disk.len()));
    let reason = match found {
        Ok(Some(bytes)) => return Ok(bytes),
        Ok(None) => "there is no such file".to_owned(),
        Err(e) => e.to_string(),
    };
    Err(FatError::Read { path: path.to_owned(), reason })
}

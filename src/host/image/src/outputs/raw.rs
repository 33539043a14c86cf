//! The raw disk, sparse.

use std::path::Path;

use formats::disk::{Before, ReadAt, copy};

use super::Sources;
use crate::hostdisk::HostDisk;
use crate::{Error, error::Result};

/// Writes the disk.
pub(super) fn write(disk: &dyn ReadAt, _: &Sources<'_>, path: &Path) -> Result<()> {
    let mut file = HostDisk::create(path, disk.len())?;
    copy(disk, &mut file, 0, Before::Zeros).map_err(Error::file("writing", path))
}

//! The installation medium, sparse.

use std::path::Path;

use disk::arrange_medium;
use formats::disk::{Before, ReadAt, copy};

use super::{Sources, disk_contents};
use crate::hostdisk::HostDisk;
use crate::{Error, error::Result};

/// Writes the medium.
pub(super) fn write(sources: &Sources<'_>, path: &Path) -> Result<()> {
    let medium = arrange_medium(&disk_contents(sources))?;
    let mut file = HostDisk::create(path, medium.len())?;
    copy(&medium, &mut file, 0, Before::Zeros).map_err(Error::file("writing", path))
}

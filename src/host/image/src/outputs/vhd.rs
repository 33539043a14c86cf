//! The disk as a fixed VHD, sparse.

use std::path::Path;

use formats::disk::{Before, ReadAt, WriteAt, copy};
use formats::vhd::{self, FOOTER_BYTES, Options};

use super::{Sources, disk_id};
use crate::hostdisk::HostDisk;
use crate::{Error, error::Result};

/// Writes the disk and its footer.
pub(super) fn write(disk: &dyn ReadAt, sources: &Sources<'_>, path: &Path) -> Result<()> {
    let options = Options { id: disk_id(disk)?.0, time_secs: sources.generation.facts.build_time };
    let footer = vhd::footer(disk.len(), options).map_err(Error::format("writing the VHD image"))?;
    let mut file = HostDisk::create(path, disk.len() + FOOTER_BYTES as u64)?;
    copy(disk, &mut file, 0, Before::Zeros).map_err(Error::file("writing", path))?;
    file.write_all_at(&footer, disk.len()).map_err(Error::file("writing", path))
}

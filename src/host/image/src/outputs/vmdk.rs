//! The disk as a streamOptimized VMDK.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use formats::disk::ReadAt;
use formats::vmdk::{self, Options};

use super::{Sources, disk_id};
use crate::{Error, error::Result};

/// Writes the disk.
pub(super) fn write(disk: &dyn ReadAt, _: &Sources<'_>, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(Error::file("creating", path))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    write_to(disk, &mut out)?;
    out.flush().map_err(Error::file("writing", path))
}

/// Writes the disk to `out`; returns the length of the VMDK in bytes.
pub(super) fn write_to(disk: &dyn ReadAt, out: impl Write) -> Result<u64> {
    let options = Options { content_id: disk_id(disk)?.0 };
    vmdk::write(disk, options, out).map_err(Error::format("writing the VMDK image"))
}

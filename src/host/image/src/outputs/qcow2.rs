//! The disk as a compressed qcow2.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use config::Compression;
use formats::disk::ReadAt;
use formats::qcow2::{self, Codec, Options};

use super::Sources;
use crate::{Error, error::Result};

/// Writes the disk.
pub(super) fn write(disk: &dyn ReadAt, sources: &Sources<'_>, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(Error::file("creating", path))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let options = Options { codec: codec(sources.profile.qcow2.compression) };
    qcow2::write(&disk, options, &mut out).map_err(Error::format("writing the qcow2 image"))?;
    out.flush().map_err(Error::file("writing", path))
}

/// Returns the compression requested by the profile.
fn codec(compression: Compression) -> Codec {
    match compression {
        Compression::Zlib => Codec::ZLIB,
        Compression::Zstd => Codec::ZSTD,
    }
}

//! A kernel image that brings the installation medium along in its initrd: the one file that firmware loads over the
//! network.

use std::fs;
use std::path::Path;

use super::{Sources, iso};
use crate::generation::signed;
use crate::kernel::netboot_image;
use crate::{Error, error::Result};

/// Writes the image. The medium is beside it meanwhile.
pub(super) fn write(sources: &Sources<'_>, path: &Path) -> Result<()> {
    let medium = path.with_extension("medium");
    iso::write(sources, &medium)?;
    let generation = sources.generation;
    let image = netboot_image(&sources.kernel, &generation.params, &generation.facts, &medium)?;
    fs::remove_file(&medium).map_err(Error::file("removing", &medium))?;
    fs::write(path, signed(image, sources.signer)?).map_err(Error::file("writing", path))
}

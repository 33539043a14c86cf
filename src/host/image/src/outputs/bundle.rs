//! The upgrade bundle.

use std::path::Path;

use super::Sources;
use crate::bundle::{self, Order};
use crate::error::Result;

/// Writes the bundle of the generation.
pub(super) fn write(sources: &Sources<'_>, path: &Path) -> Result<()> {
    let output = files::Output::at(path, files::Access::Public)?;
    bundle::write(sources.generation, Order::default(), sources.keys, output).map(drop)
}

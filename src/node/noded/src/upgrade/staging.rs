//! The staging directory of a bundle, and the free space for it.

use anyhow::{Context, Result};

/// The directory, on the data partition.
pub const STAGING: &str = "/var/lib/ironhull/upgrade";

/// Returns how many bytes the data partition has to give.
///
/// # Errors
/// If the kernel can't be asked.
pub fn free_bytes() -> Result<u64> {
    let facts = rustix::fs::statvfs("/var").context("querying free space on /var")?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

//! The staging directory of a bundle, and the free space for it.

use anyhow::{Context, Result};

/// The directory, on the data partition.
pub const STAGING: &str = "/var/lib/ironhull/upgrade";

/// Returns the number of free bytes on the data partition.
///
/// # Errors
/// If the file system can't be queried.
pub fn free_bytes() -> Result<u64> {
    let facts = rustix::fs::statvfs("/var").context("querying free space on /var")?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

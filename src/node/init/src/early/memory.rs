//! Directories in memory instead of partitions, for a node that has no disk of its own or must not use it. What is
//! written there is gone at the next boot.

use std::path::Path;

use sys::MountFlags;

/// Mounts memory at `target`; it grows to `percent` of the machine's memory at most.
///
/// # Errors
/// The mount's; nothing is mounted.
pub(super) fn mount(target: &Path, flags: MountFlags, percent: u8) -> anyhow::Result<()> {
    Ok(sys::mount(("tmpfs", "tmpfs"), target, flags, &format!("mode=0755,size={percent}%"))?)
}

//! Reads both parts of a slot completely at the lowest priority: `init` runs this before it blesses.
//!
//! The kernel image is checked against its header's digest. The root is read through its dm-verity device, so
//! that the kernel checks each block against the tree that the signed command line authenticates.

use std::path::Path;

use anyhow::{Context, Result};
use formats::disk::ReadAt;

use super::part::{Pace, Part, check_kernel, lower_priority};

/// Reads the slot with the kernel partition `kernel` and the dm-verity device `root`.
///
/// # Errors
/// If a part can't be read, or the kernel image does not match its header.
pub fn read_slot(kernel: &Path, root: &Path) -> Result<()> {
    lower_priority();
    Part::open(kernel, Pace::Full)
        .and_then(|part| check_kernel(&part))
        .with_context(|| format!("reading kernel image on {}", kernel.display()))?;
    let read = read_all(root).with_context(|| format!("reading root on {}", root.display()))?;
    println!("read the running slot completely, its root with {} MiB: no damage", read >> 20);
    Ok(())
}

/// Reads a device completely; returns its length.
fn read_all(path: &Path) -> Result<u64> {
    let part = Part::open(path, Pace::Full)?;
    part.read(0..part.len(), |_| {})?;
    Ok(part.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::part::tests::kernel_file;

    #[test]
    fn sound_slot_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel_file(folder.path(), &[7; 5]);
        read_slot(&kernel, &kernel).unwrap();
        assert_eq!(read_all(&kernel).unwrap(), slots::UKI_OFFSET + 5);
    }

    #[test]
    fn missing_root_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel_file(folder.path(), &[1]);
        let error = read_slot(&kernel, Path::new("/no/such/device")).unwrap_err();
        assert!(format!("{error:#}").starts_with("reading root on /no/such/device: "), "{error:#}");
    }
}

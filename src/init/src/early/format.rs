//! Making a file system, in a child: whatever it needs of memory ends with it, and a panic there is only
//! a failed format.

use std::path::Path;

use anyhow::bail;

/// Makes an empty ext4 over the whole of `device`.
pub(super) fn make_ext4(device: &Path, _label: &str, _uuid: [u8; 16]) -> anyhow::Result<()> {
    bail!("making a file system on {}: not supported", device.display())
}

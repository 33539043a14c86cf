//! A root that came with the initrd, in a kernel image for network boot: the installation medium as a file, which becomes
//! a disk in memory.

use std::path::Path;

use slots::{CARRIED_MEDIUM, RootParams};

use super::{Death, root};
use crate::blocks::{self, Block};

/// Returns the partition with the root of the medium in the initrd; `None` if there is no medium.
///
/// Its partitions are known once it is a disk: unlike others it needs no time to appear.
///
/// # Errors
/// [`Death::RootNotFound`] if it does not hold the root of the command line, [`Death::Failed`] if it can't be a disk.
pub(super) fn find(params: &RootParams) -> Result<Option<Block>, Death> {
    let medium = Path::new("/").join(CARRIED_MEDIUM);
    if !medium.exists() {
        return Ok(None);
    }
    let disk = sys::open_backed(&medium).map_err(anyhow::Error::from)?;
    // The disk holds on to its bytes.
    drop(std::fs::remove_file(&medium));
    let root = blocks::list().into_iter().find(|b| b.disk == disk && root::holds(b, params));
    let nothing = || "the medium in the initrd does not hold the root of the kernel command line".to_owned();
    root.map(Some).ok_or_else(|| Death::RootNotFound(nothing()))
}

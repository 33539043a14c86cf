//! Writes the files that a user names: `--output`, `bundle sign`, a new key.
//!
//! [`Output`] replaces a file. A symbolic link is followed: its target is replaced and the link stays. The mode
//! and the owner of a file that is there are kept. A character device, a pipe and an open descriptor
//! (`/dev/null`, `>(…)`, `/dev/stdout`) are written to; a directory, a block device and a socket are refused.
//! The new bytes go into a draft of a name that nothing else has, which takes the file's place once it is whole
//! and synced. [`create_new`] writes files that must not be there yet. [`read_pem`] reads a key that a user names.
//!
//! Left out: access lists and extended attributes are not kept, and other hard links of a replaced file keep the
//! old bytes. Where a file system can't do without a draft's name, as over the network, a process that is killed
//! leaves it: `.ironhull-*`.

mod draft;
mod error;
mod new;
mod output;
mod pem;
mod target;

use std::path::Path;

pub use draft::link;
pub use error::Error;
pub use new::{NewFile, check_absent, create_new};
pub use output::{Output, install, write};
pub use pem::read_pem;

/// What all functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever the umask lets, or the mode of the file that is replaced.
    Public,
    /// Its owner, whatever the mode of the file that is replaced: it holds a key.
    Private,
}

impl Access {
    /// Returns the mode of a file where there was none, less the umask.
    fn mode_of_new(self) -> u32 {
        match self {
            Access::Public => 0o666,
            Access::Private => 0o600,
        }
    }
}

/// Returns the directory of a file.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

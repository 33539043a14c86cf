//! Writes the files that a user names: `--output`, `bundle sign`, a new key.
//!
//! [`Output`] replaces a file. A symbolic link is followed: its target is replaced and the link stays. Mode
//! and owner of an existing file are kept. Character devices, pipes and open descriptors (`/dev/null`, `>(…)`,
//! `/dev/stdout`) are written to; directories, block devices and sockets are refused. The new content goes to a draft
//! with a unique name, which replaces the file once it is complete and synced. [`create_new`] writes files that must
//! not exist yet. [`read_pem`] reads a key file named by the user.
//!
//! Limits: access lists and extended attributes are not kept, and other hard links to a replaced file keep the old
//! content. If the file system does not support unnamed files, as over the network, a killed process leaves its draft:
//! `.ironhull-*`.

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

/// The result of every function of this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Determined by the umask, or by the mode of the file that is replaced.
    Public,
    /// Only its owner, whatever the mode of the file that is replaced: it contains a key.
    Private,
}

impl Access {
    /// Returns the mode of a new file, before the umask is applied.
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

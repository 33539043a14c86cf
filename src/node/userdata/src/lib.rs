//! Finds the user-data of a node: the text that tells it what it is.
//!
//! Sources are asked in the order of [`sources()`]; the first that has something wins. Nothing is parsed
//! here but the encoding: what is found goes to `config`. Where the accepted text is kept, and what
//! happens when there is none, is decided by the node.
#![forbid(unsafe_code)]

mod error;
mod sources;

use std::path::Path;

pub use error::Error;
pub use sources::{Source, all as sources};

/// Longest user-data in bytes.
pub const MAX_BYTES: usize = config::MAX_BYTES;

/// What was found.
#[derive(Clone, PartialEq, Eq)]
pub struct UserData {
    /// Name of the source, such as `qemu-fw-cfg`.
    pub source: &'static str,
    /// Where exactly it was, for messages about its lines.
    pub label: String,
    /// The text. It holds keys.
    pub text: String,
}

impl std::fmt::Debug for UserData {
    /// Leaves the text out: it holds keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}), {} bytes", self.source, self.label, self.text.len())
    }
}

/// Asks all sources in order, on the machine whose file system begins at `root` (`/` on a node).
///
/// `Ok(None)` when no source has anything.
///
/// # Errors
/// The first source that has something unusable ends the search: what the operator gave is never passed
/// over for what another source has.
pub fn find(root: &Path) -> Result<Option<UserData>, Error> {
    for source in sources::all() {
        if let Some(found) = source.find(root)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

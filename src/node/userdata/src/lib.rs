//! Finds the user-data of a node: the text that tells it what it is.
//!
//! Sources are asked in the order of [`sources()`]; the first that has something wins. Nothing is parsed
//! here but the encoding: what is found goes to `config`. Where the accepted text is kept, and what
//! happens when there is none, is decided by the node.
#![forbid(unsafe_code)]

mod error;
mod sources;
mod user_data;

use std::path::Path;

pub use error::Error;
pub use sources::{Source, all as sources};
pub use user_data::{MAX_BYTES, UserData};

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

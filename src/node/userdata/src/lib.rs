//! Finds the user-data of a node: its config documents.
//!
//! Sources are asked in the order of [`sources()`]; the first that has something wins. Only the
//! encoding is checked here; `config` parses the text. The node decides where to keep an accepted text and what to do
//! without one.
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

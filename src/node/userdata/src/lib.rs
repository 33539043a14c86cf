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

/// Searches all sources in order, on the machine whose file system begins at `root` (`/` on a node). Returns
/// `Ok(None)` if no source has user-data.
///
/// # Errors
/// [`Error`] of the first source whose user-data can't be used. The search ends there: what the operator
/// provided is never ignored in favour of another source.
pub fn find(root: &Path) -> Result<Option<UserData>, Error> {
    for source in sources::all() {
        if let Some(found) = source.find(root)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

//! The trait of a source, and bounded reading.

use std::fmt::Debug;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::user_data::{MAX_BYTES, UserData};

/// A source of user-data.
pub trait Source: Debug {
    /// Name in messages and in the node's status.
    fn name(&self) -> &'static str;

    /// Looks for user-data on the machine whose file system begins at `root`; `Ok(None)` if this source has
    /// none.
    ///
    /// # Errors
    /// [`Error`] if there is user-data that can't be read or used.
    fn find(&self, root: &Path) -> Result<Option<UserData>, Error>;
}

/// Reads a text of at most [`MAX_BYTES`]; `None` if the file does not exist.
pub(super) fn read_bounded(root: &Path, path: &str) -> Result<Option<String>, Error> {
    let shown = || PathBuf::from(path);
    let failed = |source| Error::Read { path: shown(), source };
    let file = match File::open(root.join(path.trim_start_matches('/'))) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLong { path: shown(), limit: MAX_BYTES });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::Empty { path: shown() });
    }
    String::from_utf8(bytes).map(Some).map_err(|e| {
        let offset = e.utf8_error().valid_up_to();
        Error::NotText { path: shown(), byte: e.as_bytes()[offset], offset }
    })
}

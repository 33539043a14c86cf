//! A bundle in transfer: the received part is kept, so that the transfer resumes after a broken connection, a restart
//! or a power cut.
//!
//! A directory on the data partition holds two files: the received bytes, and a note that says which bundle they belong
//! to. The length of the first is the progress. The bytes are not checked here: the whole bundle is verified before it
//! is used.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::UpdateError;

/// Bytes of the data partition that an upload leaves free.
const RESERVE_BYTES: u64 = 64 << 20;

/// Identifies the bundle that the received bytes belong to: only a transfer of the same one may resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// A digest of the whole bundle, or its URL with the server's entity tag.
    pub id: String,
    /// Length of the bundle in bytes.
    pub bytes: u64,
}

/// A bundle that was received in part or completely.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    file: File,
    source: Source,
    received: u64,
}

impl Staged {
    /// Resumes the transfer of `source` in `directory`, or begins a new one and removes that of any other
    /// bundle. `free_bytes` is the free space of its file system.
    ///
    /// # Errors
    /// [`UpdateError::NoRoom`] if the rest does not fit; a transfer in `directory` is unchanged then.
    /// [`UpdateError::File`] if `directory` or a file in it can't be created, removed or opened; the received
    /// bytes of another bundle may be gone then.
    pub fn open(directory: &Path, source: Source, free_bytes: u64) -> Result<Staged, UpdateError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(UpdateError::file("making directory", directory))?;
        let (path, note) = (directory.join("bundle"), directory.join("source.json"));
        let known = fs::read(&note).ok().and_then(|text| serde_json::from_slice::<Source>(&text).ok());
        let goes_on = known.as_ref() == Some(&source);
        let (there, freed) = match fs::metadata(&path) {
            Ok(facts) if goes_on && facts.len() <= source.bytes => (facts.len(), 0),
            Ok(facts) => (0, facts.len()),
            Err(_) => (0, 0),
        };
        let needed = (source.bytes - there).saturating_add(RESERVE_BYTES);
        let free = free_bytes.saturating_add(freed);
        if needed > free {
            return Err(UpdateError::NoRoom { needed, free });
        }
        if !goes_on {
            // The bytes are removed before the note is written, so that they are never taken for another
            // bundle's.
            remove(&path)?;
            write_note(&note, &source)?;
        }
        let opened = File::options().read(true).write(true).create(true).truncate(there == 0).open(&path);
        let file = opened.map_err(UpdateError::file("opening", &path))?;
        Ok(Staged { path, file, source, received: there })
    }

    /// Removes the transfer in `directory`, if there is one.
    ///
    /// # Errors
    /// [`UpdateError::File`] if a file can't be removed. If it is the second one, the note, the bytes are
    /// gone, and the next transfer of the same bundle starts from zero.
    pub fn discard(directory: &Path) -> Result<(), UpdateError> {
        remove(&directory.join("bundle"))?;
        remove(&directory.join("source.json"))
    }

    /// Returns which bundle is transferred.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Returns the number of bytes received.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Returns whether the bundle has arrived completely.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.received == self.source.bytes
    }

    /// Appends the bytes at `offset` of the bundle.
    ///
    /// # Errors
    /// [`UpdateError::Piece`] if `offset` is not the number of bytes received, [`UpdateError::TooMuch`] if
    /// the bundle would exceed the announced length; nothing is written then. [`UpdateError::File`] if
    /// writing fails; some of the bytes may be in the file, but are not counted, and the same call may be
    /// repeated.
    pub fn append(&mut self, offset: u64, piece: &[u8]) -> Result<(), UpdateError> {
        if offset != self.received {
            return Err(UpdateError::Piece { expected: self.received, found: offset });
        }
        let end = offset.saturating_add(piece.len() as u64);
        if end > self.source.bytes {
            return Err(UpdateError::TooMuch { expected: self.source.bytes, found: end });
        }
        self.file.write_all_at(piece, offset).map_err(UpdateError::file("writing", &self.path))?;
        self.received = end;
        Ok(())
    }

    /// Opens the received bytes for reading from the beginning.
    ///
    /// # Errors
    /// [`UpdateError::File`] if the file can't be opened. Nothing changes.
    pub fn reader(&self) -> Result<File, UpdateError> {
        File::open(&self.path).map_err(UpdateError::file("opening", &self.path))
    }
}

/// Writes the note atomically.
fn write_note(path: &Path, source: &Source) -> Result<(), UpdateError> {
    let write = || durable::replace(path, &serde_json::to_vec(source)?, 0o644);
    write().map_err(UpdateError::file("writing", path))
}

/// Removes a file that may be absent.
fn remove(path: &Path) -> Result<(), UpdateError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(UpdateError::file("removing", path)(e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn source(id: &str, bytes: u64) -> Source {
        Source { id: id.to_owned(), bytes }
    }

    fn open(folder: &Path, id: &str) -> Staged {
        Staged::open(folder, source(id, 10), 1 << 30).unwrap()
    }

    #[test]
    fn what_has_arrived_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut staged = open(folder.path(), "one");
        staged.append(0, b"01234").unwrap();
        drop(staged);
        let mut staged = open(folder.path(), "one");
        assert_eq!((staged.received(), staged.is_whole()), (5, false));
        staged.append(5, b"56789").unwrap();
        assert!(staged.is_whole());
        let mut text = String::new();
        staged.reader().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "0123456789");
        assert_eq!(open(folder.path(), "one").received(), 10);
    }

    #[test]
    fn another_bundle_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), "one").append(0, b"01234").unwrap();
        assert_eq!(open(folder.path(), "two").received(), 0);
        assert_eq!(open(folder.path(), "one").received(), 0);
        open(folder.path(), "one").append(0, b"0").unwrap();
        fs::write(folder.path().join("source.json"), "{").unwrap();
        assert_eq!(open(folder.path(), "one").received(), 0);
        fs::write(folder.path().join("bundle"), "longer than it may be").unwrap();
        assert_eq!(open(folder.path(), "one").received(), 0);
        Staged::discard(folder.path()).unwrap();
        Staged::discard(folder.path()).unwrap();
    }

    #[test]
    fn pieces_follow_each_other_and_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut staged = open(folder.path(), "one");
        assert!(matches!(staged.append(1, b"x"), Err(UpdateError::Piece { expected: 0, found: 1 })));
        staged.append(0, b"012345678").unwrap();
        assert!(matches!(staged.append(9, b"9a"), Err(UpdateError::TooMuch { expected: 10, found: 11 })));
        assert!(matches!(staged.append(0, b"0"), Err(UpdateError::Piece { .. })));
        assert_eq!(staged.received(), 9);
    }

    #[test]
    fn room_is_asked_for_first() {
        let folder = tempfile::tempdir().unwrap();
        let tight = RESERVE_BYTES + 10;
        let refused = Staged::open(folder.path(), source("one", 10), tight - 1);
        assert!(matches!(refused, Err(UpdateError::NoRoom { .. })));
        let mut staged = Staged::open(folder.path(), source("one", 10), tight).unwrap();
        staged.append(0, b"0123456789").unwrap();
        // The received bytes need no further space, and those that are removed free theirs.
        assert!(Staged::open(folder.path(), source("one", 10), RESERVE_BYTES).is_ok());
        assert!(Staged::open(folder.path(), source("two", 10), RESERVE_BYTES).is_ok());
    }
}

//! The files of a root.

use formats::disk::{ReadAt, Window};
use formats::erofs::{self, Entry, ErofsError};
use imagefacts::ImageFacts;

/// Where the image keeps what it says of itself.
const FACTS: &[u8] = b"usr/share/ironhull/image.json";
/// Where the image keeps the list of what it is made of.
const SBOM: &[u8] = b"usr/share/ironhull/sbom.spdx.json";

/// The root of a slot: its files.
pub struct Root<'a> {
    reader: erofs::Reader<Window<&'a dyn ReadAt>>,
    entries: Vec<Entry>,
}

impl std::fmt::Debug for Root<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl<'a> Root<'a> {
    /// Reads the file list of the root that fills `partition`.
    ///
    /// # Errors
    /// [`ErofsError`] if there is none, or it is malformed.
    pub(super) fn open(partition: Window<&'a dyn ReadAt>) -> Result<Root<'a>, ErofsError> {
        let reader = erofs::Reader::open(partition)?;
        let entries = reader.entries()?;
        Ok(Root { reader, entries })
    }

    /// Returns the files as text, one a line.
    #[must_use]
    pub fn listing(&self) -> String {
        erofs::dump(&self.entries)
    }

    /// Returns the paths, ascending.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns how many paths there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns the length of the file system in bytes, without its verity tree.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.reader.image_bytes()
    }

    /// Returns what the image says of itself; `None` if it says nothing sound.
    #[must_use]
    pub fn facts(&self) -> Option<ImageFacts> {
        serde_json::from_slice(&self.read(FACTS)?).ok()
    }

    /// Returns the list of what the image is made of; `None` if it has none.
    #[must_use]
    pub fn sbom(&self) -> Option<String> {
        String::from_utf8(self.read(SBOM)?).ok()
    }

    /// Reads one file; `None` if it is not there or can't be read.
    pub(crate) fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        let entry = self.entries.iter().find(|e| e.path == path)?;
        self.reader.read(entry).ok()
    }
}

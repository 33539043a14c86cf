//! The files of a root.

use formats::disk::{ReadAt, Window};
use formats::erofs::{self, Entry, ErofsError};
use imagefacts::ImageFacts;

/// Path of the image's facts.
const FACTS: &[u8] = b"usr/share/ironhull/image.json";
/// Path of the image's bill of materials.
const SBOM: &[u8] = b"usr/share/ironhull/sbom.spdx.json";

/// The root of a slot, with its file list.
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
    /// [`ErofsError`] if there is none, or it is malformed or can't be read.
    pub(super) fn open(partition: Window<&'a dyn ReadAt>) -> Result<Root<'a>, ErofsError> {
        let reader = erofs::Reader::open(partition)?;
        let entries = reader.entries()?;
        Ok(Root { reader, entries })
    }

    /// Returns the file list as text, one file a line.
    #[must_use]
    pub fn listing(&self) -> String {
        erofs::dump(&self.entries)
    }

    /// Returns the files, sorted by path.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the number of files.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns the length of the file system in bytes, without its verity tree.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.reader.image_bytes()
    }

    /// Returns the facts the image states about itself; `None` if they are missing or invalid.
    #[must_use]
    pub fn facts(&self) -> Option<ImageFacts> {
        serde_json::from_slice(&self.read(FACTS)?).ok()
    }

    /// Returns the bill of materials; `None` if there is none.
    #[must_use]
    pub fn sbom(&self) -> Option<String> {
        String::from_utf8(self.read(SBOM)?).ok()
    }

    /// Reads one file; `None` if it does not exist or can't be read.
    pub(crate) fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        let entry = self.entries.iter().find(|e| e.path == path)?;
        self.reader.read(entry).ok()
    }
}

//! Opens a volume, and reads its files.

use super::directory::Tree;
use super::record::{Extent, Names, Record};
use super::{FIRST_DESCRIPTOR, MAGIC, SECTOR};
use crate::disk::{ReadAt, read_vec};
use crate::le;
use crate::volume::VolumeError;

/// Descriptors that are looked at; discs have three or four.
const MAX_DESCRIPTORS: u32 = 32;
/// Types of descriptors.
const PRIMARY: u8 = 1;
const SUPPLEMENTARY: u8 = 2;
const TERMINATOR: u8 = 255;
/// Escape sequences that mark a supplementary descriptor as Joliet: UCS-2 level 1, 2 and 3.
const JOLIET: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];

/// An ISO 9660 volume that begins at the start of a disk.
#[derive(Debug)]
pub struct Volume<D> {
    pub(super) disk: D,
    label: String,
    /// The directory trees, in the order in which names are looked up.
    trees: Vec<Tree>,
}

impl<D: ReadAt> Volume<D> {
    /// Returns whether `disk` has an ISO 9660 volume descriptor.
    ///
    /// # Errors
    /// [`VolumeError::Io`] if the disk can't be read.
    pub fn is_one(disk: &D) -> Result<bool, VolumeError> {
        let at = u64::from(FIRST_DESCRIPTOR) * SECTOR;
        if disk.len() < at + SECTOR {
            return Ok(false);
        }
        let mut start = [0; 6];
        disk.read_exact_at(&mut start, at)?;
        Ok(start[1..] == *MAGIC)
    }

    /// Opens the volume.
    ///
    /// # Errors
    /// [`VolumeError::Damaged`] if it has no primary descriptor, or one that can't be used; [`VolumeError::Io`] if the
    /// disk can't be read.
    pub fn open(disk: D) -> Result<Volume<D>, VolumeError> {
        let (mut label, mut trees) = (None, Vec::new());
        for sector in FIRST_DESCRIPTOR..FIRST_DESCRIPTOR + MAX_DESCRIPTORS {
            let at = u64::from(sector) * SECTOR;
            if at + SECTOR > disk.len() {
                break;
            }
            let descriptor = read_vec(&disk, at, SECTOR)?;
            if descriptor[1..6] != *MAGIC || descriptor[0] == TERMINATOR {
                break;
            }
            let is_joliet = JOLIET.iter().any(|escape| descriptor[88..].starts_with(escape));
            match descriptor[0] {
                PRIMARY if label.is_none() => {
                    label = Some(text(&descriptor[40..72]));
                    trees.insert(0, tree(&descriptor, Names::Plain)?);
                }
                SUPPLEMENTARY if is_joliet => trees.push(tree(&descriptor, Names::Joliet)?),
                _ => {}
            }
        }
        match label {
            Some(label) => Ok(Volume { disk, label, trees }),
            None => Err(damaged("expected a primary volume descriptor, found none".to_owned())),
        }
    }

    /// Returns the label of the primary descriptor, without padding; empty if it has none.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// As [`crate::volume::Volume::read`]. A file is found by its Rock Ridge name if it has one, otherwise by its plain
    /// name without version, otherwise by its Joliet name.
    ///
    /// # Errors
    /// As [`crate::volume::Volume::read`].
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, VolumeError> {
        for tree in &self.trees {
            if let Some(record) = self.find(tree, path)? {
                return self.content(path, &record, limit).map(Some);
            }
        }
        Ok(None)
    }

    /// As [`crate::volume::Volume::root_names`].
    ///
    /// # Errors
    /// As [`crate::volume::Volume::read`].
    pub fn root_names(&self, limit: usize) -> Result<Vec<String>, VolumeError> {
        let mut names = Vec::new();
        // The last tree has the longest names: Joliet if there is one.
        if let Some(tree) = self.trees.last() {
            self.search(tree, tree.root, |record| {
                names.push(record.name.clone());
                (names.len() >= limit).then_some(())
            })?;
        }
        names.truncate(limit);
        Ok(names)
    }

    /// Looks a path up in one tree.
    fn find(&self, tree: &Tree, path: &str) -> Result<Option<Record>, VolumeError> {
        let mut here = tree.root;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let named = |record: &Record| record.name.eq_ignore_ascii_case(part).then(|| record.clone());
            let Some(record) = self.search(tree, here, named)? else { return Ok(None) };
            match (record.is_directory, parts.peek()) {
                (true, Some(_)) => here = record.extent,
                (_, None) => return Ok(Some(record)),
                (false, Some(_)) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Reads the content of a file.
    fn content(&self, path: &str, record: &Record, limit: u64) -> Result<Vec<u8>, VolumeError> {
        let length = record.extent.bytes;
        if record.is_directory {
            return Err(damaged(format!("{path}: expected a file, found a directory")));
        }
        if record.continues {
            return Err(damaged(format!("{path}: files in several pieces are not supported")));
        }
        if length > limit {
            return Err(VolumeError::TooLong { path: path.to_owned(), length, limit });
        }
        if record.extent.at.saturating_add(length) > self.disk.len() {
            let (at, end) = (record.extent.at, self.disk.len());
            return Err(damaged(format!(
                "{path}: {length} bytes at {at} are not on the disk, which ends at {end}"
            )));
        }
        Ok(read_vec(&self.disk, record.extent.at, length)?)
    }
}

/// Reads the root directory's record and the block size of a descriptor.
fn tree(descriptor: &[u8], names: Names) -> Result<Tree, VolumeError> {
    let block_bytes = u64::from(le::u16(descriptor, 128).unwrap_or_default());
    if ![512, 1024, 2048].contains(&block_bytes) {
        return Err(damaged(format!("expected blocks of 512, 1024 or 2048 bytes, found {block_bytes}")));
    }
    let root = Extent::of(descriptor.get(156..).unwrap_or_default(), block_bytes);
    let root = root.ok_or_else(|| damaged("the record of the root directory is incomplete".to_owned()))?;
    Ok(Tree { root, names, block_bytes })
}

/// Returns a text without padding.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_owned()
}

/// Returns the error for a volume that contradicts itself.
pub(super) fn damaged(reason: String) -> VolumeError {
    VolumeError::Damaged { format: "ISO 9660", reason }
}

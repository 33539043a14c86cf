//! Reads files of a FAT12, FAT16 or FAT32 that somebody else wrote.
//!
//! Our own code rather than `hadris-fat`, with which we write: it runs on a node, on any stick that is plugged in, and
//! needs neither allocation by what the stick claims nor a cache. Left out: writing, times, attributes, OEM code pages
//! (a short name outside ASCII matches nothing). Spec: Microsoft, FAT32 File System Specification 1.03.

mod boot_sector;
mod chain;
mod directory;

use crate::disk::{ReadAt, read_vec};
use crate::volume::VolumeError;

use boot_sector::Geometry;
use directory::{Entry, Kind};

/// A FAT volume that begins at the start of a disk.
#[derive(Debug)]
pub struct Volume<D> {
    disk: D,
    geometry: Geometry,
}

impl<D: ReadAt> Volume<D> {
    /// Returns whether `disk` begins with the boot sector of a FAT.
    ///
    /// # Errors
    /// [`VolumeError::Io`] if the disk can't be read.
    pub fn is_one(disk: &D) -> Result<bool, VolumeError> {
        Ok(boot_sector::read(disk)?.is_some())
    }

    /// Opens the volume.
    ///
    /// # Errors
    /// [`VolumeError::Damaged`] if there is no boot sector of a FAT, or its tables do not fit on the disk;
    /// [`VolumeError::Io`] if the disk can't be read.
    pub fn open(disk: D) -> Result<Volume<D>, VolumeError> {
        let Some(sector) = boot_sector::read(&disk)? else {
            let reason = "expected the boot sector of a FAT, found something else".to_owned();
            return Err(VolumeError::Damaged { format: "FAT", reason });
        };
        let geometry = Geometry::of(&sector, disk.len())?;
        Ok(Volume { disk, geometry })
    }

    /// Returns the label: of the root directory, otherwise of the boot sector; empty if it has none.
    ///
    /// # Errors
    /// [`VolumeError::Damaged`] or [`VolumeError::Io`] if the root directory can't be read.
    pub fn label(&self) -> Result<String, VolumeError> {
        let labels = |entry: &Entry| (entry.kind == Kind::Label).then(|| entry.name.clone());
        let found = self.find_in(self.root(), labels)?;
        Ok(found.unwrap_or_else(|| self.geometry.label.clone()))
    }

    /// As [`crate::volume::Volume::read`].
    ///
    /// # Errors
    /// As [`crate::volume::Volume::read`].
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, VolumeError> {
        let mut here = self.root();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let named = |e: &Entry| (e.kind != Kind::Label && e.is_called(part)).then(|| e.clone());
            let Some(entry) = self.find_in(here, named)? else { return Ok(None) };
            match (entry.kind, parts.peek()) {
                (Kind::Directory, Some(_)) => here = self.directory(entry.cluster),
                (Kind::File, None) => return self.content(path, &entry, limit).map(Some),
                (Kind::Directory, None) => {
                    return Err(self.damaged(format!("{path}: expected a file, found a directory")));
                }
                _ => return Ok(None),
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
        self.find_in(self.root(), |entry| {
            if entry.kind != Kind::Label {
                names.push(entry.name.clone());
            }
            (names.len() >= limit).then_some(())
        })?;
        names.truncate(limit);
        Ok(names)
    }

    /// Reads the content of a file.
    fn content(&self, path: &str, entry: &Entry, limit: u64) -> Result<Vec<u8>, VolumeError> {
        let length = u64::from(entry.length);
        if length > limit {
            return Err(VolumeError::TooLong { path: path.to_owned(), length, limit });
        }
        let mut bytes = Vec::new();
        let mut rest = length;
        let mut chain = self.chain(entry.cluster);
        while rest > 0 {
            let Some(at) = chain.next_offset(&self.disk)? else {
                let reason = format!("{path}: ends after {} bytes, expected {length}", bytes.len());
                return Err(self.damaged(reason));
            };
            let piece = rest.min(self.geometry.cluster_bytes);
            bytes.extend(read_vec(&self.disk, at, piece)?);
            rest -= piece;
        }
        Ok(bytes)
    }

    fn damaged(&self, reason: String) -> VolumeError {
        VolumeError::Damaged { format: self.geometry.width.name(), reason }
    }
}

//! Small read-only volumes that others hand to us, such as a CD or a USB stick with user-data: FAT or ISO 9660.
//!
//! They are read here, in user space, because the kernel's file systems are no boundary against a disk that somebody
//! prepared. Nothing on the volume is trusted: every read has a limit, chains and directories are bounded, and no
//! length is allocated before it has been checked.

use std::io;

use crate::disk::ReadAt;
use crate::{fat, iso9660};

/// Why a volume can't be read.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// What is on the disk contradicts itself.
    #[error("{format}: {reason}")]
    Damaged {
        /// The format, such as `FAT16`.
        format: &'static str,
        /// What was expected, and what was found.
        reason: String,
    },
    /// A file is longer than the caller accepts; nothing of it was read.
    #[error("{path}: expected at most {limit} bytes, found {length}")]
    TooLong {
        /// The file.
        path: String,
        /// Its length in bytes.
        length: u64,
        /// The maximum in bytes.
        limit: u64,
    },
    /// The disk can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A volume in one of the formats that this module recognises.
#[derive(Debug)]
pub enum Volume<D> {
    /// FAT12, FAT16 or FAT32.
    Fat(fat::Volume<D>),
    /// ISO 9660.
    Iso9660(iso9660::Volume<D>),
}

impl<D: ReadAt> Volume<D> {
    /// Recognises the volume that begins at the start of `disk`; `None` if it is neither FAT nor ISO 9660.
    ///
    /// # Errors
    /// [`VolumeError::Damaged`] if it is one of them and can't be used, [`VolumeError::Io`] if the disk can't be read.
    pub fn open(disk: D) -> Result<Option<Volume<D>>, VolumeError> {
        // ISO 9660 first: an ISO image for USB sticks may begin with a boot sector that looks like FAT.
        if iso9660::Volume::is_one(&disk)? {
            return Ok(Some(Volume::Iso9660(iso9660::Volume::open(disk)?)));
        }
        match fat::Volume::is_one(&disk)? {
            true => Ok(Some(Volume::Fat(fat::Volume::open(disk)?))),
            false => Ok(None),
        }
    }

    /// Returns the volume's label without padding; empty if it has none.
    ///
    /// # Errors
    /// As [`Volume::read`].
    pub fn label(&self) -> Result<String, VolumeError> {
        match self {
            Volume::Fat(volume) => volume.label(),
            Volume::Iso9660(volume) => Ok(volume.label().to_owned()),
        }
    }

    /// Reads the file at a `/`-separated path, in whatever case its name is written; `None` if there is no such file.
    ///
    /// # Errors
    /// [`VolumeError::TooLong`] if it has more than `limit` bytes, [`VolumeError::Damaged`] if the path leads out of
    /// the volume, in a circle, or to a directory, [`VolumeError::Io`] if the disk can't be read.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, VolumeError> {
        match self {
            Volume::Fat(volume) => volume.read(path, limit),
            Volume::Iso9660(volume) => volume.read(path, limit),
        }
    }

    /// Returns the names in the root directory, for messages; at most `limit` of them.
    ///
    /// # Errors
    /// As [`Volume::read`].
    pub fn root_names(&self, limit: usize) -> Result<Vec<String>, VolumeError> {
        match self {
            Volume::Fat(volume) => volume.root_names(limit),
            Volume::Iso9660(volume) => volume.root_names(limit),
        }
    }
}

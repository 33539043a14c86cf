//! Reads a file of a FAT with the `hadris-fat` crate. Nothing on the disk is trusted.

use std::convert::Infallible;

use hadris_fat::sync::FatFs;
use hadris_fs::{FileType, MountOptions, Resolve};
use hadris_io::{Error, ErrorType};
use hadris_storage::sync::BlockDevice;
use hadris_storage::{BlockIndex, BlockSize};

use super::{FatError, SECTOR, SECTOR_BYTES, lost};
use crate::disk::ReadAt;

/// Reads the file at a `/`-separated path of the FAT that fills `disk`.
///
/// # Errors
/// [`FatError::Read`] if there is no FAT, the file does not exist, or its length exceeds the disk.
pub fn read(disk: &impl ReadAt, path: &str) -> Result<Vec<u8>, FatError> {
    read_file(disk, path).map_err(|reason| FatError::Read { path: path.to_owned(), reason })
}

fn read_file(disk: &impl ReadAt, path: &str) -> Result<Vec<u8>, String> {
    let told = |e: Error<Infallible>| e.to_string();
    let mount = FatFs::mount(Device { disk }, MountOptions::new().read_only());
    let mut fat = mount.map_err(|e| e.error().to_string())?;
    let node = fat.resolve(path.as_bytes(), Resolve::Lexical).map_err(told)?;
    let found = fat.stat(node).map_err(told)?;
    if found.file_type() != FileType::File {
        return Err(format!("found {:?}, expected a file", found.file_type()));
    }
    let length = found.len();
    // Checked before allocating, since the length on the disk is not trusted.
    let claimed = usize::try_from(length).ok().filter(|_| length <= disk.len());
    let claimed = claimed.ok_or_else(|| format!("length is {length}, the disk has {}", disk.len()))?;
    let mut bytes = vec![0; claimed];
    let mut done = 0;
    while done < claimed {
        match fat.read(node, done as u64, &mut bytes[done..]).map_err(told)? {
            0 => return Err(format!("ends after {done} bytes, expected {claimed}")),
            more => done += more,
        }
    }
    Ok(bytes)
}

/// A disk, as the library sees it.
struct Device<'a, D> {
    disk: &'a D,
}

impl<D> ErrorType for Device<'_, D> {
    type Error = Infallible;
}

impl<D: ReadAt> BlockDevice for Device<'_, D> {
    fn block_size(&self) -> BlockSize {
        BlockSize::new(SECTOR_BYTES).expect("512 is a block size")
    }

    fn block_count(&self) -> u64 {
        self.disk.len() / SECTOR
    }

    fn read_blocks(&mut self, first: BlockIndex, buf: &mut [u8]) -> Result<(), Error<Infallible>> {
        let at = first.get().saturating_mul(SECTOR);
        self.disk.read_exact_at(buf, at).map_err(lost)
    }
}

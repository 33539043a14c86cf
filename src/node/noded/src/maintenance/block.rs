//! A block device of the machine, read and written at any offset.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use formats::disk::ReadAt;
use install::Target;
use rustix::fs::{Advice, OFlags};

/// An open block device.
#[derive(Debug)]
pub struct BlockDevice {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl BlockDevice {
    /// Opens a device for reading.
    pub fn open(path: &Path) -> Result<BlockDevice> {
        BlockDevice::of(File::open(path), path)
    }

    /// Opens a device for writing. With a disk that is in use, or has a partition that is, this fails.
    pub fn open_to_write(path: &Path) -> Result<BlockDevice> {
        // On a block device without O_CREAT: nobody else has claimed it (`open(2)`).
        let flags = i32::try_from(OFlags::EXCL.bits()).unwrap_or_default();
        BlockDevice::of(File::options().read(true).write(true).custom_flags(flags).open(path), path)
    }

    fn of(file: io::Result<File>, path: &Path) -> Result<BlockDevice> {
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        let bytes = sys::device_bytes(&file, path)?;
        Ok(BlockDevice { file, path: path.to_owned(), bytes })
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl ReadAt for BlockDevice {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }
}

impl Target for BlockDevice {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn zero(&self, range: Range<u64>) -> io::Result<()> {
        sys::zero_range(&self.file, &self.path, range).map_err(io::Error::other)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn forget(&self) {
        // If the kernel keeps the pages, the data is read from memory, which proves less than reading the disk.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}

//! A file of the host as a disk with its holes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use formats::disk::ReadAt;
use rustix::fs::{SeekFrom, seek};

/// A regular file that is read at arbitrary offsets.
#[derive(Debug)]
pub struct HostDisk {
    file: File,
    bytes: u64,
}

impl HostDisk {
    /// Opens a file.
    ///
    /// # Errors
    /// The I/O error of the host.
    pub fn open(path: &Path) -> io::Result<HostDisk> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(HostDisk { file, bytes })
    }
}

impl ReadAt for HostDisk {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buf, offset)
    }

    fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        match seek(&self.file, SeekFrom::Data(from)) {
            Ok(start) => Ok(Some(start..seek(&self.file, SeekFrom::Hole(start))?)),
            Err(rustix::io::Errno::NXIO) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

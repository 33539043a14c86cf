//! A file of the host as a disk: positions, holes, and streams into a part of it.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use formats::disk::{ReadAt, WriteAt};
use rustix::fs::{SeekFrom, seek};

use crate::{Error, error::Result};

/// A regular file as a disk.
#[derive(Debug)]
pub struct HostDisk {
    file: File,
    bytes: u64,
}

impl HostDisk {
    /// Makes an all-zero file of `bytes`; it takes no room until something is written.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be made.
    pub fn create(path: &Path, bytes: u64) -> Result<HostDisk> {
        let options = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let file = options.map_err(Error::file("creating", path))?;
        file.set_len(bytes).map_err(Error::file("sizing", path))?;
        Ok(HostDisk { file, bytes })
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be opened.
    pub fn open(path: &Path) -> Result<HostDisk> {
        let file = File::open(path).map_err(Error::file("opening", path))?;
        let bytes = file.metadata().map_err(Error::file("reading", path))?.len();
        Ok(HostDisk { file, bytes })
    }

    /// Returns a writer that begins at `start` and goes on in order.
    #[must_use]
    pub fn writer(&self, start: u64) -> PartWriter<'_> {
        PartWriter { file: &self.file, at: start }
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
        if from >= self.bytes {
            return Ok(None);
        }
        let start = match seek(&self.file, SeekFrom::Data(from)) {
            Ok(start) => start,
            Err(rustix::io::Errno::NXIO) => return Ok(None),
            // A file system that knows no holes: everything may be data.
            Err(_) => return Ok(Some(from..self.bytes)),
        };
        let end = seek(&self.file, SeekFrom::Hole(start))?;
        Ok(Some(start..end))
    }
}

impl WriteAt for HostDisk {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(&self.file, bytes, offset)
    }

    /// Writes nothing: a made disk is zero, and no part of it is written twice.
    fn zero_at(&mut self, _offset: u64, _length: u64) -> io::Result<()> {
        Ok(())
    }
}

/// Writes in order into a part of a disk.
#[derive(Debug)]
pub struct PartWriter<'a> {
    file: &'a File,
    at: u64,
}

impl Write for PartWriter<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(buf, self.at)?;
        self.at += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_and_read_as_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let disk = HostDisk::create(&dir.path().join("d"), 8 << 20).unwrap();
        disk.writer(4 << 20).write_all(&[7; 4096]).unwrap();
        let data = disk.next_data(0).unwrap().unwrap();
        assert!(data.contains(&(4 << 20)), "{data:?}");
        let mut byte = [1];
        disk.read_exact_at(&mut byte, 5 << 20).unwrap();
        assert_eq!(byte, [0]);
        assert_eq!(disk.next_data(8 << 20).unwrap(), None);
    }
}

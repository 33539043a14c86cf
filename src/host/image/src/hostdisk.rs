//! A file or block device of the host as a disk, with its holes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use formats::disk::{ReadAt, WriteAt};
use rustix::fs::{SeekFrom, seek};

use crate::{Error, error::Result};

/// A regular file or block device as a disk.
#[derive(Debug)]
pub struct HostDisk {
    file: File,
    bytes: u64,
}

impl HostDisk {
    /// Creates an all-zero sparse file of `bytes` bytes.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be created or resized; an empty file may be left.
    pub fn create(path: &Path, bytes: u64) -> Result<HostDisk> {
        let options = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let file = options.map_err(Error::file("creating", path))?;
        file.set_len(bytes).map_err(Error::file("sizing", path))?;
        Ok(HostDisk { file, bytes })
    }

    /// Opens a file or block device for reading.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be opened or its size can't be determined.
    pub fn open(path: &Path) -> Result<HostDisk> {
        let file = File::open(path).map_err(Error::file("opening", path))?;
        // The metadata of a block device give a length of 0.
        let bytes = seek(&file, SeekFrom::End(0)).map_err(|e| Error::file("reading", path)(e.into()))?;
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
        if from >= self.bytes {
            return Ok(None);
        }
        let start = match seek(&self.file, SeekFrom::Data(from)) {
            Ok(start) => start,
            Err(rustix::io::Errno::NXIO) => return Ok(None),
            // The file system does not report holes: everything may be data.
            Err(_) => return Ok(Some(from..self.bytes)),
        };
        let end = seek(&self.file, SeekFrom::Hole(start))?;
        Ok(Some(start..end))
    }
}

impl WriteAt for HostDisk {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= self.bytes);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        FileExt::write_all_at(&self.file, bytes, offset)
    }

    fn zero_at(&mut self, offset: u64, length: u64) -> io::Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut done = 0;
        while done < length {
            let part = usize::try_from(length - done).unwrap_or(usize::MAX).min(ZEROS.len());
            self.write_all_at(&ZEROS[..part], offset + done)?;
            done += part as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_and_read_as_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = HostDisk::create(&dir.path().join("d"), 8 << 20).unwrap();
        disk.write_all_at(&[7; 4096], 4 << 20).unwrap();
        let data = disk.next_data(0).unwrap().unwrap();
        assert!(data.contains(&(4 << 20)), "{data:?}");
        let mut byte = [1];
        disk.read_exact_at(&mut byte, 5 << 20).unwrap();
        assert_eq!(byte, [0]);
        assert_eq!(disk.next_data(8 << 20).unwrap(), None);
    }
    #[test]
    fn what_is_zeroed_reads_as_zeros_and_nothing_is_written_past_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = HostDisk::create(&dir.path().join("d"), 1 << 20).unwrap();
        disk.write_all_at(&vec![7; 1 << 20], 0).unwrap();
        disk.zero_at(1, 200_000).unwrap();
        let bytes = formats::disk::read_vec(&disk, 0, 200_002).unwrap();
        assert_eq!((bytes[0], bytes[200_001]), (7, 7));
        assert!(bytes[1..200_001].iter().all(|b| *b == 0));
        assert!(disk.write_all_at(&[1; 2], (1 << 20) - 1).is_err());
        assert!(disk.zero_at(1, 1 << 20).is_err());
    }
}

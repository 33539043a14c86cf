//! An unnamed temporary file, for data that is too large for memory and is read again during the build.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use formats::disk::ReadAt;

use crate::{Error, error::Result};

/// An unnamed file: written sequentially, read at any offset. It is removed with its last user.
///
/// As a disk it has no holes, however the file system stores zeros: what is written from it depends only on
/// its content.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    bytes: u64,
}

impl Spool {
    /// Creates one in `directory`, the output directory, which has space for the build's files; `/tmp` may
    /// not.
    ///
    /// # Errors
    /// [`Error::File`] if it can't be created. Nothing is left.
    pub(crate) fn new(directory: &Path) -> Result<Spool> {
        let file = tempfile::tempfile_in(directory).map_err(Error::file("making a file in", directory))?;
        Ok(Spool { file, bytes: 0 })
    }
}

impl Write for Spool {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buf)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ReadAt for Spool {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buf, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_what_was_written_no_holes_and_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(dir.path()).unwrap();
        spool.write_all(&vec![0; 1 << 20]).unwrap();
        spool.write_all(b"end").unwrap();
        assert_eq!(spool.next_data(0).unwrap(), Some(0..(1 << 20) + 3));
        let mut end = [1; 4];
        spool.read_exact_at(&mut end, (1 << 20) - 1).unwrap();
        assert_eq!(&end, b"\0end");
        assert!(spool.read_exact_at(&mut end, 1 << 20).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

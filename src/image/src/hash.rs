//! SHA-256 of files. Holes of a sparse file are hashed without being read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use formats::disk::ReadAt;
use sha2::{Digest, Sha256};

use crate::hostdisk::HostDisk;
use crate::identity::hex;
use crate::{Error, error::Result};

/// Bytes hashed at once.
const CHUNK: usize = 256 << 10;

/// Returns length and hash of a file.
pub(crate) fn hash_file(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(Error::file("opening", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(Error::file("reading", path))?;
        if read == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// Returns the hash of a sparse disk.
pub(crate) fn hash_sparse(disk: &HostDisk) -> Result<String> {
    sparse(disk).map_err(Error::format("hashing the raw disk"))
}

fn sparse(disk: &HostDisk) -> io::Result<String> {
    let zeros = vec![0; CHUNK];
    let mut buffer = vec![0; CHUNK];
    let mut hash = Sha256::new();
    let mut at = 0;
    while at < disk.len() {
        let data = disk.next_data(at)?.unwrap_or(disk.len()..disk.len());
        while at < data.start {
            let length = chunk(data.start - at);
            hash.update(&zeros[..length]);
            at += length as u64;
        }
        while at < data.end {
            let length = chunk(data.end - at);
            disk.read_exact_at(&mut buffer[..length], at)?;
            hash.update(&buffer[..length]);
            at += length as u64;
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Returns how much of `left` to take at once.
fn chunk(left: u64) -> usize {
    usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn holes_count_as_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d");
        let disk = HostDisk::create(&path, (5 << 20) + 17).unwrap();
        disk.writer(1 << 20).write_all(&[7; 5000]).unwrap();
        disk.writer(5 << 20).write_all(&[8; 17]).unwrap();
        assert_eq!(hash_sparse(&disk).unwrap(), hash_file(&path).unwrap().1);
    }
}

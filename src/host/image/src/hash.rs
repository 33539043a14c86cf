//! SHA-256 of files, and hex.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use formats::disk::{ReadAt, read_vec};
use sha2::{Digest, Sha256};

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

/// Returns the hash of a disk or a part of one.
pub(crate) fn sha256(disk: &dyn ReadAt) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut at = 0;
    while at < disk.len() {
        let piece = read_vec(disk, at, (disk.len() - at).min(CHUNK as u64))?;
        hash.update(&piece);
        at += piece.len() as u64;
    }
    Ok(hash.finalize().into())
}

/// Returns bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_hash_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash_file(&path).unwrap(), (3, expected.to_owned()));
    }
}

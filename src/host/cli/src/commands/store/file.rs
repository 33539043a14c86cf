//! The file of a snapshot: a database, then its SHA-256. Read and checked as a stream; whether the database is whole
//! inside is for the node's store to say.

use std::io::{self, Read, Write};

use api::{MAX_SNAPSHOT_BYTES, SNAPSHOT_SUM_BYTES};
use sha2::{Digest, Sha256};

/// Size of the buffer.
const BUFFER_BYTES: usize = 256 << 10;
/// The file begins with this if it is of kine: a database of SQLite 3.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// This, little-endian, is at byte 16 if it is of etcd: bbolt's magic number.
const BBOLT: u32 = 0xED0C_DAED;

/// What is known of a snapshot that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The store that it is of.
    pub store: &'static str,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
}

/// Why a file is not a snapshot, or can't be read.
#[derive(Debug)]
pub(super) enum Failure {
    /// The file or connection failed.
    Read(io::Error),
    /// The output failed.
    Write(io::Error),
    /// Its content is not that of a snapshot.
    Content(String),
}

/// Copies a snapshot and checks it on the way; `advance` is told the bytes so far.
///
/// # Errors
/// [`Failure`]; what was copied then is not a snapshot.
pub(super) fn copy(
    from: &mut impl Read,
    to: &mut dyn Write,
    mut advance: impl FnMut(u64),
) -> Result<Snapshot, Failure> {
    let (mut whole, mut database) = (Sha256::new(), Sha256::new());
    let (mut begin, mut end) = (Vec::new(), Vec::new());
    let (mut bytes, mut buffer) = (0, vec![0; BUFFER_BYTES]);
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Failure::Read(e)),
        };
        let piece = &buffer[..n];
        bytes += n as u64;
        if bytes > MAX_SNAPSHOT_BYTES {
            return Err(Failure::Content(format!("longer than {MAX_SNAPSHOT_BYTES} bytes")));
        }
        to.write_all(piece).map_err(Failure::Write)?;
        whole.update(piece);
        begin.extend_from_slice(&piece[..n.min(20_usize.saturating_sub(begin.len()))]);
        // The last bytes so far may be those of the sum.
        end.extend_from_slice(piece);
        let certain = end.len().saturating_sub(SNAPSHOT_SUM_BYTES);
        database.update(&end[..certain]);
        end.drain(..certain);
        advance(bytes);
    }
    if end.len() < SNAPSHOT_SUM_BYTES || end[..] != database.finalize()[..] {
        let what = format!("{bytes} bytes that don't end with the SHA-256 of what is before");
        return Err(Failure::Content(what));
    }
    let store = store_of(&begin).ok_or_else(|| Failure::Content("no database of etcd or kine".to_owned()))?;
    Ok(Snapshot { store, bytes, sha256: data_encoding::HEXLOWER.encode(&whole.finalize()) })
}

/// Returns of which store a snapshot with this beginning is.
fn store_of(begin: &[u8]) -> Option<&'static str> {
    match begin {
        _ if begin.starts_with(SQLITE) => Some("kine"),
        _ if begin.get(16..20) == Some(&BBOLT.to_le_bytes()) => Some("etcd"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives a byte, then two, and so on.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            (&mut self.0).take(self.1 as u64).read(to)
        }
    }

    fn summed(database: &[u8]) -> Vec<u8> {
        [database, &Sha256::digest(database)].concat()
    }

    fn of_etcd() -> Vec<u8> {
        let mut page = vec![7; 4096];
        page[16..20].copy_from_slice(&BBOLT.to_le_bytes());
        page
    }

    #[test]
    fn a_snapshot_is_copied_whatever_its_pieces() {
        let text = summed(&of_etcd());
        for step in 0..2000 {
            let mut copied = Vec::new();
            let snapshot = copy(&mut Drops(&text, step), &mut copied, |_| {}).unwrap();
            assert_eq!((snapshot.store, snapshot.bytes), ("etcd", 4128));
            assert_eq!(copied, text);
        }
        let kine = summed(&[SQLITE, &[0; 496]].concat());
        assert_eq!(copy(&mut kine.as_slice(), &mut io::sink(), |_| {}).unwrap().store, "kine");
    }

    #[test]
    fn what_is_not_whole_or_no_snapshot_is_refused() {
        let whole = summed(&of_etcd());
        let mut altered = whole.clone();
        altered[100] ^= 1;
        let cases: [(&[u8], &str); 6] = [
            (&[], "0 bytes that don't end"),
            (&whole[..20], "20 bytes that don't end"),
            (&whole[..whole.len() - 1], "4127 bytes that don't end"),
            (&altered, "4128 bytes that don't end"),
            (&summed(b""), "no database"),
            (&summed(&[1; 4096]), "no database"),
        ];
        for (text, expected) in cases {
            match copy(&mut { text }, &mut io::sink(), |_| {}) {
                Err(Failure::Content(why)) => assert!(why.starts_with(expected), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

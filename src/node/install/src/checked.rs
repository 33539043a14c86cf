//! A disk that remembers what was written, and reads it back.
//!
//! Only digests are kept, one for each piece: some kilobytes for a whole installation.

use std::io;
use std::ops::Range;

use formats::disk::{ReadAt, WriteAt, read_vec};
use ring::digest::{Context, Digest, SHA256, digest};

use crate::{InstallError, Target};

/// Bytes that are read at once.
const PIECE_BYTES: u64 = 1 << 20;

/// What was written to a range.
enum Written {
    Bytes { at: u64, bytes: u64, sha256: [u8; 32] },
    Zeros(Range<u64>),
}

/// The disk, while it is written.
pub(crate) struct Checked<'a, T> {
    target: &'a T,
    /// Added to all offsets.
    start: u64,
    written: &'a mut Vec<Piece>,
    advanced: &'a mut dyn FnMut(u64),
}

/// A range that was written. No two overlap.
pub(crate) struct Piece(Written);

impl<'a, T: Target> Checked<'a, T> {
    /// Returns the disk from byte `start` on. What is written goes into `written`; `advanced` is told the number of bytes
    /// of each write.
    pub(crate) fn new(
        target: &'a T,
        start: u64,
        written: &'a mut Vec<Piece>,
        advanced: &'a mut dyn FnMut(u64),
    ) -> Checked<'a, T> {
        Checked { target, start, written, advanced }
    }
}

impl<T: Target> WriteAt for Checked<'_, T> {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let at = self.start + offset;
        self.target.write_at(bytes, at)?;
        let sha256 = sha256(bytes);
        self.written.push(Piece(Written::Bytes { at, bytes: bytes.len() as u64, sha256 }));
        (self.advanced)(bytes.len() as u64);
        Ok(())
    }

    fn zero_at(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let range = self.start + offset..self.start + offset + length;
        self.target.zero(range.clone())?;
        self.written.push(Piece(Written::Zeros(range)));
        Ok(())
    }
}

/// Reads back all pieces; `advanced` is told the number of bytes of each.
///
/// # Errors
/// [`InstallError::Differs`] for the first one that is not what was written; [`InstallError::Disk`].
pub(crate) fn read_back(
    target: &impl Target,
    pieces: &[Piece],
    advanced: &mut dyn FnMut(u64),
) -> Result<(), InstallError> {
    let read = |at, bytes| read_vec(target, at, bytes).map_err(InstallError::disk("reading back"));
    for Piece(piece) in pieces {
        match piece {
            Written::Bytes { at, bytes, sha256: expected } => {
                if sha256(&read(*at, *bytes)?) != *expected {
                    return Err(InstallError::Differs { at: *at, bytes: *bytes });
                }
                advanced(*bytes);
            }
            Written::Zeros(range) => {
                let mut at = range.start;
                while at < range.end {
                    let bytes = PIECE_BYTES.min(range.end - at);
                    if read(at, bytes)?.iter().any(|byte| *byte != 0) {
                        return Err(InstallError::Differs { at, bytes });
                    }
                    at += bytes;
                }
            }
        }
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(digest(&SHA256, bytes))
}

/// Returns the SHA-256 of a disk or a part of one.
pub(crate) fn sha256_of(disk: &impl ReadAt) -> io::Result<[u8; 32]> {
    let mut context = Context::new(&SHA256);
    let mut at = 0;
    while at < disk.len() {
        let piece = read_vec(disk, at, PIECE_BYTES.min(disk.len() - at))?;
        context.update(&piece);
        at += piece.len() as u64;
    }
    Ok(array(context.finish()))
}

fn array(digest: Digest) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest.as_ref());
    sha256
}

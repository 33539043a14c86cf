//! Hashes a stream of data blocks and writes the tree.
//!
//! Digests of the leaves stay in memory: 8 MiB per GiB of data. Batches are hashed in parallel and stored in
//! order, so the number of threads does not change the result.

use std::io::{self, Write};
use std::mem;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::format::{BLOCK_BYTES, Superblock};
use super::{VerityError, hex};

/// Bytes hashed in parallel: enough for several threads, small enough for the caches.
const BATCH_BYTES: usize = 1 << 20;
/// Blocks in one task of a thread.
const BLOCKS_PER_TASK: usize = 16;
/// Length of a digest.
const DIGEST_BYTES: usize = 32;

/// Receives the data as a stream and keeps the digest of each block.
#[derive(Debug)]
pub struct Hasher {
    salt: [u8; 32],
    /// Data not hashed yet: less than a batch.
    pending: Vec<u8>,
    /// Digests of the leaves, in order.
    leaves: Vec<u8>,
    /// Bytes received.
    bytes: u64,
}

impl Hasher {
    /// Returns a hasher that has received no data.
    #[must_use]
    pub fn new(salt: [u8; 32]) -> Hasher {
        Hasher { salt, pending: Vec::with_capacity(BATCH_BYTES), leaves: Vec::new(), bytes: 0 }
    }

    /// Ends the data and builds the tree.
    ///
    /// # Errors
    /// [`VerityError::DataLength`] if the data is empty or its length is not a multiple of the block size.
    pub fn finish(mut self) -> Result<Verity, VerityError> {
        let block = BLOCK_BYTES as u64;
        if self.bytes == 0 || !self.bytes.is_multiple_of(block) {
            return Err(VerityError::DataLength(self.bytes));
        }
        let pending = mem::take(&mut self.pending);
        self.hash(&pending);
        let mut levels = Vec::new();
        let mut digests = self.leaves;
        while digests.len() > DIGEST_BYTES {
            digests.resize(digests.len().next_multiple_of(BLOCK_BYTES), 0);
            let above = hash_blocks(&self.salt, &digests);
            levels.push(mem::replace(&mut digests, above));
        }
        let root_hash = digests.try_into().expect("the loop ends at one digest");
        Ok(Verity { root_hash, salt: self.salt, data_blocks: self.bytes / block, levels })
    }

    /// Hashes whole blocks.
    fn hash(&mut self, blocks: &[u8]) {
        self.leaves.extend(hash_blocks(&self.salt, blocks));
    }
}

impl Write for Hasher {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.bytes += buf.len() as u64;
        let mut rest = buf;
        if !self.pending.is_empty() {
            let (first, after) = rest.split_at(rest.len().min(BATCH_BYTES - self.pending.len()));
            self.pending.extend_from_slice(first);
            rest = after;
            if self.pending.len() < BATCH_BYTES {
                return Ok(buf.len());
            }
            let full = mem::take(&mut self.pending);
            self.hash(&full);
            self.pending = full;
            self.pending.clear();
        }
        let (whole, tail) = rest.split_at(rest.len() - rest.len() % BATCH_BYTES);
        self.hash(whole);
        self.pending.extend_from_slice(tail);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the digest of each block of `blocks`, in order.
fn hash_blocks(salt: &[u8; 32], blocks: &[u8]) -> Vec<u8> {
    let mut digests = vec![0; blocks.len() / BLOCK_BYTES * DIGEST_BYTES];
    let tasks = digests.par_chunks_mut(BLOCKS_PER_TASK * DIGEST_BYTES);
    tasks.zip(blocks.par_chunks(BLOCKS_PER_TASK * BLOCK_BYTES)).for_each(|(digests, blocks)| {
        for (digest, block) in digests.chunks_exact_mut(DIGEST_BYTES).zip(blocks.chunks_exact(BLOCK_BYTES)) {
            let mut hash = Sha256::new();
            hash.update(salt);
            hash.update(block);
            digest.copy_from_slice(&hash.finalize());
        }
    });
    digests
}

/// A finished tree.
#[derive(Clone, PartialEq, Eq)]
pub struct Verity {
    /// Root hash.
    pub root_hash: [u8; 32],
    /// Salt of every digest.
    pub salt: [u8; 32],
    /// Number of data blocks.
    pub data_blocks: u64,
    /// Hash blocks by level, leaves first.
    pub(super) levels: Vec<Vec<u8>>,
}

impl Verity {
    /// Returns the number of bytes that [`Verity::write`] writes.
    #[must_use]
    pub fn hash_area_bytes(&self) -> u64 {
        (BLOCK_BYTES + self.levels.iter().map(Vec::len).sum::<usize>()) as u64
    }

    /// Writes the hash area: the superblock's block, then the tree from the root level down.
    ///
    /// # Errors
    /// The I/O error of `out`, which then contains part of the hash area.
    pub fn write(&self, uuid: [u8; 16], mut out: impl Write) -> io::Result<()> {
        let superblock = Superblock { uuid, data_blocks: self.data_blocks, salt: self.salt };
        out.write_all(&superblock.to_block())?;
        self.levels.iter().rev().try_for_each(|level| out.write_all(level))
    }
}

impl std::fmt::Debug for Verity {
    /// Leaves out the tree, which may be megabytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut f = f.debug_struct("Verity");
        f.field("root_hash", &hex(&self.root_hash)).field("salt", &hex(&self.salt));
        f.field("data_blocks", &self.data_blocks).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(data: &[u8], piece: usize) -> Verity {
        let mut hasher = Hasher::new([5; 32]);
        data.chunks(piece).for_each(|c| hasher.write_all(c).unwrap());
        hasher.finish().unwrap()
    }

    #[test]
    fn levels_grow_with_the_data() {
        for (blocks, sizes) in [(1, vec![]), (2, vec![1]), (128, vec![1]), (129, vec![2, 1])] {
            let tree = tree(&vec![1; blocks * BLOCK_BYTES], 1 << 20);
            let got: Vec<usize> = tree.levels.iter().map(|l| l.len() / BLOCK_BYTES).collect();
            assert_eq!(got, sizes, "{blocks} blocks");
            assert_eq!(tree.data_blocks, blocks as u64);
        }
    }

    #[test]
    fn odd_lengths_are_refused() {
        for length in [0, 1, 4095, 4097] {
            let mut hasher = Hasher::new([0; 32]);
            hasher.write_all(&vec![0; length]).unwrap();
            assert!(matches!(hasher.finish(), Err(VerityError::DataLength(n)) if n == length as u64));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_pieces_of_the_stream_do_not_matter(blocks in 1usize..700, piece in 1usize..(2 << 20), seed: u8) {
            let data: Vec<u8> = (0..blocks * BLOCK_BYTES).map(|i| (i / 97).to_le_bytes()[0] ^ seed).collect();
            prop_assert!(tree(&data, piece.max(97)) == tree(&data, data.len()));
        }
    }
}

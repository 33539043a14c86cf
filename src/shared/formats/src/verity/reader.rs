//! Verifies all data against its hash tree.

use std::io::Write;

use super::format::{BLOCK_BYTES, Superblock};
use super::writer::{Hasher, Verity};
use super::{VerityError, hex};
use crate::disk::{ReadAt, read_vec};
use slots::RootParams;

/// Size of a read in bytes.
const READ_BYTES: u64 = 4 << 20;

/// Checks every block of the root on `disk` against `params`: data, tree and root hash.
///
/// # Errors
/// [`VerityError::Superblock`], [`VerityError::Block`], [`VerityError::Tree`] or [`VerityError::Root`] for
/// the first mismatch, checked in this order; [`VerityError::Io`] if the disk can't be read.
pub fn verify(disk: &impl ReadAt, params: &RootParams) -> Result<(), VerityError> {
    let block = BLOCK_BYTES as u64;
    let hash_start = params.hash_block.saturating_mul(block);
    let stored = read_vec(disk, hash_start, block)?;
    let superblock = Superblock::parse(&stored)?;
    check_superblock(&superblock, params)?;
    // Bytes outside the fields are covered by no other check.
    if stored != superblock.to_block() {
        let found = "something".to_owned();
        return Err(VerityError::Superblock { field: "unused part", found, expected: "zeros" });
    }
    let data_bytes = params.data_blocks.saturating_mul(block);
    let mut hasher = Hasher::new(params.salt);
    let mut at = 0;
    while at < data_bytes {
        let part = read_vec(disk, at, READ_BYTES.min(data_bytes - at))?;
        hasher.write_all(&part)?;
        at += part.len() as u64;
    }
    let tree = hasher.finish()?;
    compare(disk, hash_start.saturating_add(block), &tree)?;
    if tree.root_hash != params.root_hash {
        return Err(VerityError::Root { found: hex(&tree.root_hash), expected: hex(&params.root_hash) });
    }
    Ok(())
}

/// Checks that the superblock matches the command line.
fn check_superblock(found: &Superblock, params: &RootParams) -> Result<(), VerityError> {
    let off = |field, found, expected| Err(VerityError::Superblock { field, found, expected });
    if found.salt != params.salt {
        return off("salt", hex(&found.salt), "the salt of the root parameters");
    }
    if found.data_blocks != params.data_blocks {
        return off("data blocks", found.data_blocks.to_string(), "the number in the root parameters");
    }
    if found.uuid != params.uuid() {
        return off("UUID", hex(&found.uuid), "the first 16 bytes of the root hash");
    }
    Ok(())
}

/// Compares the stored tree, from byte `start` on, with the tree of the data.
fn compare(disk: &impl ReadAt, start: u64, tree: &Verity) -> Result<(), VerityError> {
    let wanted = tree.levels.iter().rev().map(Vec::as_slice).collect::<Vec<_>>().concat();
    let stored = read_vec(disk, start, wanted.len() as u64)?;
    // A changed data block changes every level above it; the leaves show which block it was.
    let leaves = wanted.len() - tree.levels.first().map_or(0, Vec::len);
    let digest = first_difference(&stored[leaves..], &wanted[leaves..], 32);
    if let Some(block) = digest.filter(|d| *d < tree.data_blocks) {
        return Err(VerityError::Block { block });
    }
    first_difference(&stored, &wanted, BLOCK_BYTES).map_or(Ok(()), |block| Err(VerityError::Tree { block }))
}

/// Returns the index of the first piece of `size` bytes in which the two differ.
fn first_difference(a: &[u8], b: &[u8], size: usize) -> Option<u64> {
    a.chunks(size).zip(b.chunks(size)).position(|(a, b)| a != b).map(|i| i as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root of `blocks` blocks with its tree, and its parameters.
    fn root(blocks: u64) -> (Vec<u8>, RootParams) {
        let mut disk: Vec<u8> = (0..blocks * 4096).map(|i| (i / 4096 * 31 + i).to_le_bytes()[0]).collect();
        let mut hasher = Hasher::new([5; 32]);
        hasher.write_all(&disk).unwrap();
        let tree = hasher.finish().unwrap();
        let params = RootParams {
            root_hash: tree.root_hash,
            salt: tree.salt,
            data_blocks: blocks,
            hash_block: blocks,
        };
        tree.write(params.uuid(), &mut disk).unwrap();
        (disk, params)
    }

    #[test]
    fn a_sound_root_verifies() {
        for blocks in [1, 2, 128, 129, 300] {
            let (disk, params) = root(blocks);
            verify(&disk, &params).unwrap();
        }
    }

    #[test]
    fn every_changed_byte_is_found_where_it_is() {
        let (disk, params) = root(300);
        let flip = |at: usize| {
            let mut disk = disk.clone();
            disk[at] ^= 1;
            verify(&disk, &params).unwrap_err()
        };
        assert!(matches!(flip(7 * 4096 + 5), VerityError::Block { block: 7 }));
        assert!(matches!(flip(301 * 4096 + 5), VerityError::Tree { block: 0 }));
        assert!(matches!(flip(302 * 4096 + 33), VerityError::Block { block: 1 }));
        assert!(matches!(flip(disk.len() - 1), VerityError::Tree { block: 3 }));
        let unused = "unused part";
        let fields =
            [(16, "UUID"), (72, "data blocks"), (90, "salt"), (83, unused), (600, unused), (4095, unused)];
        for (at, name) in fields {
            let found = flip(300 * 4096 + at);
            assert!(matches!(found, VerityError::Superblock { field, .. } if field == name), "{found}");
        }
    }

    #[test]
    fn another_root_hash_or_a_cut_disk_is_refused() {
        let (mut disk, mut params) = root(3);
        params.root_hash[31] ^= 1;
        assert!(matches!(verify(&disk, &params), Err(VerityError::Root { .. })));
        params.root_hash[31] ^= 1;
        disk.truncate(disk.len() - 1);
        assert!(matches!(verify(&disk, &params), Err(VerityError::Io(_))));
        let huge = RootParams { data_blocks: u64::MAX, hash_block: u64::MAX, ..params };
        assert!(verify(&disk, &huge).is_err());
    }
}

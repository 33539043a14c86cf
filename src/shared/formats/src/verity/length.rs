//! The length of a root with its verity data.

use slots::RootParams;

use super::BLOCK_BYTES;

/// Number of digests in a hash block.
const DIGESTS_PER_BLOCK: u64 = BLOCK_BYTES as u64 / 32;

/// Returns the length of a root with its verity superblock and tree; `None` if it exceeds 64 bits.
#[must_use]
pub fn root_bytes(params: &RootParams) -> Option<u64> {
    let levels =
        std::iter::successors(Some(params.data_blocks), |blocks| Some(blocks.div_ceil(DIGESTS_PER_BLOCK)));
    // Each level contains the digests of the level below, up to one that is a single block.
    let below: Vec<u64> = levels.take_while(|blocks| *blocks > 1).collect();
    let tree: u64 = below.iter().map(|blocks| blocks.div_ceil(DIGESTS_PER_BLOCK)).sum();
    params.hash_block.checked_add(1)?.checked_add(tree)?.checked_mul(BLOCK_BYTES as u64)
}

#[cfg(all(test, feature = "verify"))]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::verity::Hasher;

    #[test]
    fn a_root_is_as_long_as_its_writer_made_it() {
        for data_blocks in [1, 2, 128, 129, 128 * 128, 128 * 128 + 1] {
            let mut hasher = Hasher::new([5; 32]);
            let block = [7; 4096];
            (0..data_blocks).for_each(|_| hasher.write_all(&block).unwrap());
            let tree = hasher.finish().unwrap();
            let params = RootParams {
                root_hash: tree.root_hash,
                salt: tree.salt,
                data_blocks,
                hash_block: data_blocks,
            };
            let expected = data_blocks * 4096 + tree.hash_area_bytes();
            assert_eq!(root_bytes(&params), Some(expected), "{data_blocks}");
        }
        let endless = RootParams { root_hash: [0; 32], salt: [0; 32], data_blocks: 1, hash_block: u64::MAX };
        assert_eq!(root_bytes(&endless), None);
    }
}

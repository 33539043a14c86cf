//! The device-mapper table that activates a verified root.

use slots::RootParams;

use super::hex;

/// Sectors of 512 bytes in one block.
const SECTORS_PER_BLOCK: u64 = 8;

/// Returns the parameters of the `verity` target for `root` on `device`, which contains both data and tree.
/// `digest` is the kernel's name of SHA-256 or of one of its implementations.
///
/// A block that does not match its digest panics the kernel. With `panic=` on the command line, this leads to
/// a reset, so that the boot loader counts the try.
#[must_use]
pub fn table(device: &str, root: &RootParams, digest: &str) -> String {
    let (hash, salt) = (hex(&root.root_hash), hex(&root.salt));
    let (blocks, tree) = (root.data_blocks, root.hash_block.saturating_add(1));
    format!("1 {device} {device} 4096 4096 {blocks} {tree} {digest} {hash} {salt} 1 panic_on_corruption")
}

/// Returns the length of the mapped device in sectors of 512 bytes.
#[must_use]
pub fn data_sectors(root: &RootParams) -> u64 {
    root.data_blocks.saturating_mul(SECTORS_PER_BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_fields_in_the_order_of_the_target() {
        let root = RootParams { root_hash: [0xab; 32], salt: [1; 32], data_blocks: 700, hash_block: 704 };
        let expected = format!(
            "1 /dev/vda5 /dev/vda5 4096 4096 700 705 sha256 {} {} 1 panic_on_corruption",
            "ab".repeat(32),
            "01".repeat(32)
        );
        assert_eq!(table("/dev/vda5", &root, "sha256"), expected);
        assert_eq!(data_sectors(&root), 5600);
    }
}

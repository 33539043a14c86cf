//! Shared by the tests of all formats: foreign checkers, and bytes to check.
#![allow(dead_code, unused_imports, reason = "each test program uses its own part")]

use std::path::Path;

use formats::disk::{Memory, ReadAt, WriteAt, read_vec};
pub use judges::find;

/// Returns the path as text, for arguments.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Returns fixed bytes that look random.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(next());
    }
    bytes.truncate(length);
    bytes
}

/// Returns the SHA-256 of `bytes` in hex.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Calls `check` with `good` truncated and with flipped bits, at some hundred offsets each.
pub fn damaged(good: &[u8], mut check: impl FnMut(&[u8])) {
    let step = (good.len() / 300).max(1);
    for at in (0..good.len().min(4096)).chain((0..good.len()).step_by(step)) {
        let mut bad = good.to_vec();
        for byte in [good[at] ^ 1, good[at] ^ 0x80, 0xff] {
            bad[at] = byte;
            check(&bad);
        }
    }
    for length in (0..good.len()).step_by(step) {
        check(&good[..length]);
    }
}

/// A sparse disk with text, noise and holes, which ends within a cluster.
pub fn sample() -> Memory {
    let mut disk = Memory::new((700 << 20) + 5 * 512);
    let text: Vec<u8> = (0..3_000_000u32).flat_map(|i| format!("{i} ").into_bytes()).take(3 << 20).collect();
    disk.write_all_at(&text, 0).unwrap();
    disk.write_all_at(&noise(1 << 20, 1), (5 << 20) + 512).unwrap();
    disk.write_all_at(&text[..200_000], 600 << 20).unwrap();
    disk.write_all_at(b"the end", disk.len() - 7).unwrap();
    disk
}

/// Writes a disk as a sparse file.
pub fn write_raw(disk: &impl ReadAt, path: &Path) {
    let file = std::fs::File::create(path).unwrap();
    file.set_len(disk.len()).unwrap();
    let mut at = 0;
    while let Some(range) = disk.next_data(at).unwrap() {
        let bytes = read_vec(disk, range.start, range.end - range.start).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes, range.start).unwrap();
        at = range.end;
    }
}

//! Blocks of 512 bytes that end in a checksum: what record and header have in common.
//!
//! Offsets are const parameters, so the compiler checks them and nothing here can panic. The CRC-32 has no
//! table: a block takes a few microseconds, and the boot loader is small.

/// Length of a block, and of the sector in which it is written.
pub(crate) const BLOCK: usize = 512;
/// Place of the checksum: the last four bytes.
const CRC_AT: usize = BLOCK - 4;

/// Returns the CRC-32 (IEEE 802.3, as in gzip) of `bytes`.
fn crc32<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (0xedb8_8320 & low.wrapping_neg());
        }
    }
    !crc
}

/// Returns the checksum that belongs into `block`.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    crc32(block.iter().take(CRC_AT))
}

/// Writes the checksum at the end of `block`.
pub(crate) fn seal(block: &mut [u8; BLOCK]) {
    let crc = checksum(block);
    put::<CRC_AT, 4>(block, crc.to_le_bytes());
}

/// Tells whether `block` begins with `magic` and ends in its checksum.
pub(crate) fn is_sealed(block: &[u8; BLOCK], magic: &[u8; 8]) -> bool {
    block.iter().zip(magic).all(|(a, b)| a == b) && u32_at::<CRC_AT>(block) == checksum(block)
}

/// Returns the byte at `AT`.
pub(crate) const fn u8_at<const AT: usize>(block: &[u8; BLOCK]) -> u8 {
    const { assert!(AT < BLOCK) };
    block[AT]
}

/// Returns the little-endian number at `AT`.
pub(crate) fn u32_at<const AT: usize>(block: &[u8; BLOCK]) -> u32 {
    u32::from_le_bytes(array_at::<AT, 4>(block))
}

/// Returns the little-endian number at `AT`.
pub(crate) fn u64_at<const AT: usize>(block: &[u8; BLOCK]) -> u64 {
    u64::from_le_bytes(array_at::<AT, 8>(block))
}

/// Returns `N` bytes from `AT` on.
pub(crate) fn array_at<const AT: usize, const N: usize>(block: &[u8; BLOCK]) -> [u8; N] {
    const { assert!(AT + N <= BLOCK) };
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(block.iter().skip(AT)) {
        *to = *from;
    }
    out
}

/// Writes `value` from `AT` on.
pub(crate) fn put<const AT: usize, const N: usize>(block: &mut [u8; BLOCK], value: [u8; N]) {
    const { assert!(AT + N <= BLOCK) };
    for (to, from) in block.iter_mut().skip(AT).zip(value) {
        *to = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_the_common_one() {
        assert_eq!(crc32(b"123456789".iter()), 0xcbf4_3926);
    }
}

//! Which blocks of a new file system are in use, according to its own block bitmaps.
//!
//! Free blocks need not be zeroed, which would take minutes on a disk without a command for it.

use std::io;
use std::ops::Range;

use crate::disk::{ReadAt, read_vec};
use crate::le;

/// Size of a block.
const BLOCK: u64 = 4096;
/// Offset of the superblock.
const SUPERBLOCK_AT: u64 = 1024;
/// Size of a group descriptor without the 64-bit feature.
const DESCRIPTOR_BYTES: u64 = 32;

/// Calls `visit` with each run of blocks in use, as a range of bytes, in order.
pub(super) fn visit_used(
    disk: &impl ReadAt,
    mut visit: impl FnMut(Range<u64>) -> io::Result<()>,
) -> io::Result<()> {
    let cut = || io::Error::new(io::ErrorKind::InvalidData, "the new file system has no sound superblock");
    let superblock = read_vec(disk, SUPERBLOCK_AT, 1024)?;
    let field = |at| le::u32(&superblock, at).map(u64::from).ok_or_else(cut);
    let (blocks, per_group) = (field(4)?, field(32)?);
    if per_group == 0 {
        return Err(cut());
    }
    let mut run: Option<Range<u64>> = None;
    for group in 0..blocks.div_ceil(per_group) {
        let descriptor = read_vec(disk, BLOCK + group * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES)?;
        let bitmap_at = le::u32(&descriptor, 0).ok_or_else(cut)?;
        let bitmap = read_vec(disk, u64::from(bitmap_at) * BLOCK, BLOCK)?;
        let first = group * per_group;
        for (block, used) in (first..blocks.min(first + per_group)).zip(bits(&bitmap)) {
            match &mut run {
                Some(run) if used => run.end = block + 1,
                None if used => run = Some(block..block + 1),
                None => {}
                Some(_) => run.take().map_or(Ok(()), |r| visit(r.start * BLOCK..r.end * BLOCK))?,
            }
        }
    }
    run.map_or(Ok(()), |r| visit(r.start * BLOCK..r.end * BLOCK))
}

/// Returns the bits of a bitmap, lowest first.
fn bits(bitmap: &[u8]) -> impl Iterator<Item = bool> {
    bitmap.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1))
}

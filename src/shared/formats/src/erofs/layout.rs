//! Determines the position of everything before a byte is written.
//!
//! Order on disk: superblock, directories, file data, inodes. Inodes come last so that the tails of files,
//! which are stored with them, have been read by then and each file is read once. An inode, its attributes
//! and its tail never cross a block boundary: the kernel requires tails within one block. The gaps that this
//! leaves are filled with smaller inodes: the largest are placed first, each where it fits best.

use std::cmp::Reverse;

use super::ErofsError;
use super::format::{BLOCK, BLOCK_BYTES, Inode, LAYOUT_INLINE, LAYOUT_PLAIN, SLOT, XATTR_HEADER_BYTES};
use super::tree::{Item, Payload, split_directory, unfit};

/// Inode slots in a block.
const SLOTS_PER_BLOCK: u64 = BLOCK / SLOT;

/// The position of one item.
#[derive(Debug)]
pub(super) struct Place {
    pub inode: Inode,
    pub nid: u64,
    /// Number of slots: inode, attributes and inline data.
    slots: u64,
    /// Bytes of inline data after the inode.
    pub inline_bytes: usize,
    /// Bytes in blocks of their own.
    pub block_bytes: u64,
}

/// The positions of all items.
#[derive(Debug)]
pub(super) struct Layout {
    /// One for each item, in the order of the items.
    pub places: Vec<Place>,
    /// First block of the inodes.
    pub meta_block: u32,
    /// Blocks of the whole image.
    pub blocks: u32,
}

/// Determines the positions of `items`.
pub(super) fn plan(items: &[Item<'_>]) -> Result<Layout, ErofsError> {
    let mut places: Vec<Place> = (1u32..).zip(items).map(|(serial, item)| shape(item, serial)).collect();
    let mut space = Space::new();
    let mut order: Vec<&mut Place> = places.iter_mut().collect();
    // The root comes first: its inode number has only 16 bits in the superblock.
    if let Some((_, others)) = order.split_first_mut() {
        others.sort_by_key(|place| Reverse(place.slots));
    }
    for place in order {
        place.nid = space.take(place.slots);
    }
    let mut next = 1;
    let directories_first = [true, false];
    for directories in directories_first {
        for (item, place) in items.iter().zip(&mut places) {
            if matches!(item.payload, Payload::Directory(_)) == directories && place.block_bytes > 0 {
                place.inode.start = block_number(next)?;
                next += place.block_bytes.div_ceil(BLOCK);
            }
        }
    }
    let blocks = block_number(next + space.blocks)?;
    Ok(Layout { places, meta_block: block_number(next)?, blocks })
}

/// Checks that a block number fits the format.
fn block_number(block: u64) -> Result<u32, ErofsError> {
    u32::try_from(block).map_err(|_| unfit("/", "number of blocks of the image", block, "at most 4294967295"))
}

/// Determines the form of one inode, without its position.
fn shape(item: &Item<'_>, serial: u32) -> Place {
    let (kind, _) = item.kind();
    let (size, start) = match &item.payload {
        Payload::File(source) => (source.len(), 0),
        Payload::Directory(links) => {
            let (blocks, used) = split_directory(links);
            (((blocks.len() - 1) * BLOCK_BYTES + used) as u64, 0)
        }
        Payload::Symlink(target) => (target.len() as u64, 0),
        Payload::Device(device) => (0, *device),
        Payload::Fifo => (0, 0),
    };
    let xattr_count = match item.xattrs.len() {
        0 => 0,
        bytes => u16::try_from((bytes - XATTR_HEADER_BYTES) / 4 + 1).expect("attributes were measured"),
    };
    let mut inode = Inode {
        layout: LAYOUT_PLAIN,
        xattr_count,
        mode: kind | (item.node.mode & 0o7777),
        size,
        start,
        serial,
        uid: item.node.uid,
        gid: item.node.gid,
        links: item.links,
    };
    let head = inode.bytes() + item.xattrs.len();
    let tail = usize::try_from(size % BLOCK).expect("less than a block");
    let inline = tail > 0 && head + tail <= BLOCK_BYTES;
    let inline_bytes = if inline { tail } else { 0 };
    inode.layout = if inline { LAYOUT_INLINE } else { LAYOUT_PLAIN };
    let slots = ((head + inline_bytes) as u64).div_ceil(SLOT);
    Place { inode, nid: 0, slots, inline_bytes, block_bytes: size - inline_bytes as u64 }
}

/// The slots of the inode blocks.
struct Space {
    /// Blocks with this many free slots at their end; the most recent last.
    open: Vec<Vec<u64>>,
    blocks: u64,
}

impl Space {
    /// Returns space whose first slot is taken, since no inode should have the number 0.
    fn new() -> Space {
        let mut space = Space { open: vec![Vec::new(); 129], blocks: 0 };
        space.take(1);
        space
    }

    /// Allocates contiguous `slots`, within one block if they fit into one; returns the first.
    fn take(&mut self, slots: u64) -> u64 {
        let wanted = usize::try_from(slots).unwrap_or(usize::MAX);
        let fitting = self.open.iter().enumerate().skip(wanted).find(|(_, blocks)| !blocks.is_empty());
        if let Some(free) = fitting.map(|(free, _)| free) {
            let block = self.open[free].pop().expect("just found");
            self.open[free - wanted].push(block);
            return block * SLOTS_PER_BLOCK + SLOTS_PER_BLOCK - free as u64;
        }
        let first = self.blocks * SLOTS_PER_BLOCK;
        self.blocks += slots.div_ceil(SLOTS_PER_BLOCK);
        let free = usize::try_from(self.blocks * SLOTS_PER_BLOCK - first - slots).expect("less than a block");
        self.open[free].push(self.blocks - 1);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_never_given_twice_nor_across_blocks() {
        let mut space = Space::new();
        let mut taken = std::collections::BTreeSet::from([0]);
        for i in 0..1500u64 {
            let slots = i * 37 % 60 + 1;
            let first = space.take(slots);
            assert_eq!(first / 128, (first + slots - 1) / 128);
            for slot in first..first + slots {
                assert!(taken.insert(slot));
            }
        }
        let used = taken.len() as u64;
        assert!(space.blocks * 128 - used < 128 * 8, "{} blocks for {used} slots", space.blocks);
    }

    #[test]
    fn more_than_a_block_starts_at_a_block() {
        let mut space = Space::new();
        assert_eq!(space.take(300), 128);
        assert_eq!(space.take(84), 128 + 300);
    }
}

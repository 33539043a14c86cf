//! Bit layout: superblock, inodes, directory entries, extended attributes. All little-endian.

use crate::le;

/// Size of a block.
pub(super) const BLOCK: u64 = 4096;
/// Base-2 logarithm of [`BLOCK`].
pub(super) const BLOCK_BITS: u8 = 12;
/// [`BLOCK`] for lengths in memory.
pub(super) const BLOCK_BYTES: usize = 4096;
/// Offset of the superblock in block 0.
pub(super) const SUPERBLOCK_AT: usize = 1024;
/// Size of the superblock.
pub(super) const SUPERBLOCK_BYTES: usize = 128;
/// Magic number of the superblock.
pub(super) const MAGIC: u32 = 0xe0f5_e1e2;
/// Size of an inode slot, the unit of inode numbers.
pub(super) const SLOT: u64 = 32;
/// Size of a compact inode.
pub(super) const COMPACT_BYTES: usize = 32;
/// Size of an extended inode.
pub(super) const EXTENDED_BYTES: usize = 64;
/// Size of a directory entry without its name.
pub(super) const DIRENT_BYTES: usize = 12;
/// Size of the header in front of extended attributes.
pub(super) const XATTR_HEADER_BYTES: usize = 12;

/// `feature_compat`: the superblock has a checksum.
pub(super) const COMPAT_CHECKSUM: u32 = 1;
/// `feature_compat`: times are modification times.
pub(super) const COMPAT_MTIME: u32 = 2;

/// Data is in whole blocks.
pub(super) const LAYOUT_PLAIN: u16 = 0;
/// Data is in whole blocks, and the tail after the inode.
pub(super) const LAYOUT_INLINE: u16 = 2;

/// File type bits of a mode.
pub(super) const S_IFMT: u16 = 0o170_000;
/// Mode bits and directory entry type of each kind.
pub(super) const TYPES: [(u16, u8); 6] =
    [(0o100_000, 1), (0o040_000, 2), (0o020_000, 3), (0o060_000, 4), (0o010_000, 5), (0o120_000, 7)];

/// Name prefixes that have an index. The two without a dot at the end are complete names.
const PREFIXES: [(&str, u8); 5] = [
    ("user.", 1),
    ("system.posix_acl_access", 2),
    ("system.posix_acl_default", 3),
    ("trusted.", 4),
    ("security.", 6),
];

/// Splits an attribute's name into prefix index and the rest; `None` if the format has no such prefix.
pub(super) fn split_xattr_name(name: &str) -> Option<(u8, &str)> {
    let (prefix, index) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let rest = &name[prefix.len()..];
    (prefix.ends_with('.') != rest.is_empty()).then_some((*index, rest))
}

/// Returns the prefix with this index.
pub(super) fn xattr_prefix(index: u8) -> Option<&'static str> {
    PREFIXES.iter().find(|(_, i)| *i == index).map(|(prefix, _)| *prefix)
}

/// Returns the length of an attribute on disk.
pub(super) fn xattr_entry_bytes(rest_of_name: usize, value: usize) -> usize {
    (4 + rest_of_name + value).next_multiple_of(4)
}

/// The fields of the superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub uuid: [u8; 16],
    pub volume_name: [u8; 16],
    pub epoch_secs: u64,
    pub inodes: u64,
    pub blocks: u32,
    pub meta_block: u32,
    pub root_nid: u16,
}

impl Superblock {
    /// Returns block 0, including the checksum.
    pub(super) fn to_block(&self) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        let mut put = |at: usize, field: &[u8]| le::put(&mut block, SUPERBLOCK_AT + at, field);
        put(0, &MAGIC.to_le_bytes());
        put(8, &(COMPAT_CHECKSUM | COMPAT_MTIME).to_le_bytes());
        put(12, &[BLOCK_BITS]);
        put(14, &self.root_nid.to_le_bytes());
        put(16, &self.inodes.to_le_bytes());
        put(24, &self.epoch_secs.to_le_bytes());
        put(36, &self.blocks.to_le_bytes());
        put(40, &self.meta_block.to_le_bytes());
        put(48, &self.uuid);
        put(64, &self.volume_name);
        put(4, &[0; 4]);
        let sum = checksum(&block);
        le::put(&mut block, SUPERBLOCK_AT + 4, &sum.to_le_bytes());
        block
    }
}

/// Returns the checksum of block 0, whose checksum field must be zero.
pub(super) fn checksum(block: &[u8; BLOCK_BYTES]) -> u32 {
    // The kernel's crc32c omits the final inversion.
    !crc32c::crc32c(&block[SUPERBLOCK_AT..])
}

/// The fields of an inode, as in an extended one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inode {
    pub layout: u16,
    /// Value of `i_xattr_icount`.
    pub xattr_count: u16,
    pub mode: u16,
    pub size: u64,
    /// First block, or device number.
    pub start: u32,
    pub serial: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
}

impl Inode {
    /// Returns whether it fits a compact inode.
    pub(super) fn is_compact(&self) -> bool {
        let small = |n: u32| u16::try_from(n).is_ok();
        u32::try_from(self.size).is_ok() && small(self.uid) && small(self.gid) && small(self.links)
    }

    /// Returns its length on disk.
    pub(super) fn bytes(&self) -> usize {
        if self.is_compact() { COMPACT_BYTES } else { EXTENDED_BYTES }
    }

    /// Appends it in disk format, with this modification time.
    pub(super) fn append_to(&self, out: &mut Vec<u8>, epoch_secs: u64) {
        let (start, compact) = (out.len(), self.is_compact());
        let format = self.layout << 1 | u16::from(!compact);
        out.resize(start + self.bytes(), 0);
        let mut put = |at: usize, field: &[u8]| le::put(out, start + at, field);
        put(0, &format.to_le_bytes());
        put(2, &self.xattr_count.to_le_bytes());
        put(4, &self.mode.to_le_bytes());
        if compact {
            // Little-endian: the first two bytes are the low half.
            put(6, &self.links.to_le_bytes()[..2]);
            put(8, &self.size.to_le_bytes()[..4]);
            put(16, &self.start.to_le_bytes());
            put(20, &self.serial.to_le_bytes());
            put(24, &self.uid.to_le_bytes()[..2]);
            put(26, &self.gid.to_le_bytes()[..2]);
        } else {
            put(8, &self.size.to_le_bytes());
            put(16, &self.start.to_le_bytes());
            put(20, &self.serial.to_le_bytes());
            put(24, &self.uid.to_le_bytes());
            put(28, &self.gid.to_le_bytes());
            put(32, &epoch_secs.to_le_bytes());
            put(44, &self.links.to_le_bytes());
        }
    }

    /// Parses the inode at the start of `bytes`; `None` if it is truncated or of an unknown version.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Inode, usize)> {
        let format = le::u16(bytes, 0)?;
        let compact = format & 1 == 0;
        let wide = |at| le::u32(bytes, at);
        let narrow = |at| le::u16(bytes, at).map(u32::from);
        let inode = Inode {
            layout: format >> 1,
            xattr_count: le::u16(bytes, 2)?,
            mode: le::u16(bytes, 4)?,
            size: if compact { wide(8)?.into() } else { le::u64(bytes, 8)? },
            start: wide(16)?,
            serial: wide(20)?,
            uid: if compact { narrow(24)? } else { wide(24)? },
            gid: if compact { narrow(26)? } else { wide(28)? },
            links: if compact { narrow(6)? } else { wide(44)? },
        };
        let length = if compact { COMPACT_BYTES } else { EXTENDED_BYTES };
        (bytes.len() >= length).then_some((inode, length))
    }
}

/// Returns a device number in disk format, as the kernel's `new_encode_dev`.
pub(super) fn encode_device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// Returns the major and minor number of a device number in disk format.
pub(super) fn decode_device(device: u32) -> (u32, u32) {
    ((device & 0xf_ff00) >> 8, (device & 0xff) | ((device >> 12) & 0xf_ff00))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inodes_round_trip_in_the_smallest_form() {
        let small = Inode { layout: 2, mode: 0o100_644, size: 5, links: 1, ..Inode::default() };
        let cases = [
            (small.clone(), 32),
            (Inode { uid: 65535, gid: 65535, ..small.clone() }, 32),
            (Inode { uid: 65536, ..small.clone() }, 64),
            (Inode { size: 1 << 32, ..small.clone() }, 64),
            (Inode { links: 70_000, xattr_count: 3, serial: 9, start: 8, ..small }, 64),
        ];
        for (inode, length) in cases {
            let mut bytes = Vec::new();
            inode.append_to(&mut bytes, 1);
            assert_eq!(Inode::parse(&bytes), Some((inode, length)));
            assert_eq!(Inode::parse(&bytes[..length - 1]), None);
        }
    }

    #[test]
    fn attribute_names_split_at_known_prefixes() {
        assert_eq!(split_xattr_name("security.capability"), Some((6, "capability")));
        assert_eq!(split_xattr_name("system.posix_acl_access"), Some((2, "")));
        for bad in ["user.", "system.other", "system.posix_acl_access2", "capability", ""] {
            assert_eq!(split_xattr_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn devices_round_trip() {
        for (major, minor) in [(1, 3), (8, 255), (259, 256), (4095, 0xf_ffff)] {
            assert_eq!(decode_device(encode_device(major, minor)), (major, minor));
        }
    }
}

//! Reads images of the kind that the writer makes, without trusting them.
//!
//! Whatever an image contains, work and memory stay within a small multiple of its length: every directory is
//! entered once, and everything listed is charged to one allowance.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;

use super::ErofsError;
use super::format::{
    BLOCK, BLOCK_BITS, BLOCK_BYTES, COMPAT_CHECKSUM, DIRENT_BYTES, EXTENDED_BYTES, Inode, LAYOUT_INLINE,
    LAYOUT_PLAIN, MAGIC, S_IFMT, SLOT, SUPERBLOCK_AT, SUPERBLOCK_BYTES, Superblock, TYPES,
    XATTR_HEADER_BYTES, checksum, decode_device, xattr_entry_bytes, xattr_prefix,
};
use crate::disk::{ReadAt, read_vec};
use crate::le;

/// Longest supported path (`PATH_MAX`).
const MAX_PATH_BYTES: usize = 4096;
/// The allowance per byte of an image; at least [`ALLOWANCE_BYTES`] in total.
const ALLOWANCE_PER_BYTE: u64 = 16;
/// Minimum allowance.
const ALLOWANCE_BYTES: u64 = 1 << 20;

/// The kind of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// One path of the file system. Two entries with the same [`Entry::inode`] are hard links of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path from the root, without a leading slash; empty for the root.
    pub path: Vec<u8>,
    /// Its kind.
    pub kind: EntryKind,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes; for a directory, of its entries.
    pub size: u64,
    /// Number of hard links.
    pub links: u32,
    /// Number of the inode.
    pub inode: u64,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// An image with a valid superblock.
#[derive(Debug)]
pub struct Reader<D> {
    disk: D,
    superblock: Superblock,
}

/// An inode and its position.
struct Found {
    inode: Inode,
    /// Byte offset of the inode.
    at: u64,
    /// Byte offset after inode and attributes.
    tail_at: u64,
}

impl<D: ReadAt> Reader<D> {
    /// Reads the superblock of the image on `disk`; data after the image is ignored.
    ///
    /// # Errors
    /// [`ErofsError::Corrupt`] if it is not EROFS, its checksum is wrong, it uses features that this reader
    /// does not support, or it is longer than `disk`; [`ErofsError::Io`] if the disk can't be read.
    pub fn open(disk: D) -> Result<Reader<D>, ErofsError> {
        let block = read_vec(&disk, 0, BLOCK)?;
        let superblock = parse_superblock(&block)?;
        let bytes = u64::from(superblock.blocks) * BLOCK;
        if bytes > disk.len() {
            return Err(corrupt(
                SUPERBLOCK_AT as u64 + 36,
                "length",
                bytes,
                "at most the length of the disk",
            ));
        }
        Ok(Reader { disk, superblock })
    }

    /// Returns the UUID.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.superblock.uuid
    }

    /// Returns the time of all files, in seconds since 1970.
    #[must_use]
    pub fn epoch_secs(&self) -> u64 {
        self.superblock.epoch_secs
    }

    /// Returns the length of the image in bytes.
    #[must_use]
    pub fn image_bytes(&self) -> u64 {
        u64::from(self.superblock.blocks) * BLOCK
    }

    /// Lists everything: the root first, parents before children, names in byte order.
    ///
    /// # Errors
    /// [`ErofsError::Corrupt`] for the first malformed structure; [`ErofsError::Io`] if the disk can't be
    /// read.
    pub fn entries(&self) -> Result<Vec<Entry>, ErofsError> {
        let mut allowance = self.image_bytes().saturating_mul(ALLOWANCE_PER_BYTE).max(ALLOWANCE_BYTES);
        let mut seen = HashSet::new();
        let mut entries = Vec::new();
        let mut waiting = vec![(Vec::new(), u64::from(self.superblock.root_nid))];
        while let Some((path, nid)) = waiting.pop() {
            let entry = self.entry(nid, path, &mut allowance)?;
            if entry.kind == EntryKind::Directory {
                if !seen.insert(nid) {
                    return Err(corrupt(self.inode_at(nid), "directory", "listed twice", "one path to it"));
                }
                let names = self.names(nid, &mut allowance)?;
                for (name, nid) in names.into_iter().rev() {
                    waiting.push((join(&entry.path, &name, nid)?, nid));
                }
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Reads the content of a regular file.
    ///
    /// # Errors
    /// [`ErofsError::Corrupt`] if its inode is malformed; [`ErofsError::Io`] if the disk can't be read.
    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, ErofsError> {
        let found = self.inode(entry.inode)?;
        self.content(&found)
    }

    /// Returns the byte offset of an inode.
    fn inode_at(&self, nid: u64) -> u64 {
        (u64::from(self.superblock.meta_block) * BLOCK).saturating_add(nid.saturating_mul(SLOT))
    }

    /// Reads an inode.
    fn inode(&self, nid: u64) -> Result<Found, ErofsError> {
        let at = self.inode_at(nid);
        let left = self.image_bytes().saturating_sub(at);
        let bytes = read_vec(&self.disk, at, left.min(EXTENDED_BYTES as u64))?;
        let parsed = Inode::parse(&bytes);
        let (inode, length) = parsed.ok_or_else(|| corrupt(at, "inode", "cut off", "32 or 64 bytes"))?;
        if ![LAYOUT_PLAIN, LAYOUT_INLINE].contains(&inode.layout) {
            return Err(corrupt(at, "layout", inode.layout, "plain (0) or inline (2)"));
        }
        let tail_at = at + length as u64 + xattr_bytes(inode.xattr_count);
        Ok(Found { inode, at, tail_at })
    }

    /// Reads the content of a file, directory or link.
    fn content(&self, found: &Found) -> Result<Vec<u8>, ErofsError> {
        let Found { inode, at, tail_at } = found;
        if inode.size > self.image_bytes() {
            return Err(corrupt(*at, "size", inode.size, "less than the image"));
        }
        let tail = if inode.layout == LAYOUT_INLINE { inode.size % BLOCK } else { 0 };
        let start = u64::from(inode.start) * BLOCK;
        let mut bytes =
            if inode.size == tail { Vec::new() } else { read_vec(&self.disk, start, inode.size - tail)? };
        if tail > 0 {
            if tail_at % BLOCK + tail > BLOCK {
                return Err(corrupt(*at, "tail", "across a block", "within one block"));
            }
            bytes.extend(read_vec(&self.disk, *tail_at, tail)?);
        }
        Ok(bytes)
    }

    /// Reads the inode of one path as an entry.
    fn entry(&self, nid: u64, path: Vec<u8>, allowance: &mut u64) -> Result<Entry, ErofsError> {
        let found = self.inode(nid)?;
        let Found { inode, at, .. } = &found;
        let types = TYPES.map(|(mode, _)| mode);
        let device = decode_device(inode.start);
        let kind = match types.iter().position(|mode| *mode == inode.mode & S_IFMT) {
            Some(0) => EntryKind::File,
            Some(1) => EntryKind::Directory,
            Some(2) => EntryKind::CharDevice(device.0, device.1),
            Some(3) => EntryKind::BlockDevice(device.0, device.1),
            Some(4) => EntryKind::Fifo,
            Some(5) if inode.size < BLOCK => EntryKind::Symlink(self.content(&found)?),
            _ => return Err(corrupt(*at, "mode", format!("{:o}", inode.mode), "a known type of file")),
        };
        charge(allowance, *at, path.len() as u64 + xattr_bytes(inode.xattr_count) + SLOT)?;
        Ok(Entry {
            path,
            kind,
            mode: inode.mode & !S_IFMT,
            uid: inode.uid,
            gid: inode.gid,
            size: inode.size,
            links: inode.links,
            inode: nid,
            xattrs: self.xattrs(&found)?,
        })
    }

    /// Reads the attributes of an inode.
    fn xattrs(&self, found: &Found) -> Result<BTreeMap<String, Vec<u8>>, ErofsError> {
        let length = xattr_bytes(found.inode.xattr_count);
        if length == 0 {
            return Ok(BTreeMap::new());
        }
        let start = found.tail_at - length;
        let bytes = read_vec(&self.disk, start, length)?;
        parse_xattrs(&bytes).map_err(|(what, value)| corrupt(start, what, value, "inline attributes"))
    }

    /// Reads the entries of a directory, without `.` and `..`.
    fn names(&self, nid: u64, allowance: &mut u64) -> Result<Vec<(Vec<u8>, u64)>, ErofsError> {
        let found = self.inode(nid)?;
        charge(allowance, found.at, found.inode.size)?;
        let bytes = self.content(&found)?;
        let mut names: Vec<(Vec<u8>, u64)> = Vec::new();
        for block in bytes.chunks(BLOCK_BYTES) {
            let parsed = parse_directory_block(block);
            let parsed =
                parsed.ok_or_else(|| corrupt(found.at, "directory", "malformed", "entries and names"))?;
            names.extend(parsed);
        }
        if !names.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(corrupt(found.at, "directory", "unsorted", "names in byte order, each once"));
        }
        names.retain(|(name, _)| name != b"." && name != b"..");
        Ok(names)
    }
}

/// Parses block 0.
fn parse_superblock(block: &[u8]) -> Result<Superblock, ErofsError> {
    let at = SUPERBLOCK_AT as u64;
    let mut block: [u8; BLOCK_BYTES] =
        block.try_into().map_err(|_| corrupt(at, "block", block.len(), "4096 bytes"))?;
    let b = &block[SUPERBLOCK_AT..SUPERBLOCK_AT + SUPERBLOCK_BYTES];
    let wide = |at| le::u32(b, at).unwrap_or_default();
    if wide(0) != MAGIC {
        return Err(corrupt(at, "magic", format!("{:#x}", wide(0)), "0xe0f5e1e2"));
    }
    if b[12] != BLOCK_BITS {
        return Err(corrupt(at + 12, "block size", b[12], "12 bits"));
    }
    if wide(80) != 0 {
        return Err(corrupt(at + 80, "incompatible features", format!("{:#x}", wide(80)), "none"));
    }
    let superblock = Superblock {
        uuid: le::array(b, 48).unwrap_or_default(),
        volume_name: le::array(b, 64).unwrap_or_default(),
        epoch_secs: le::u64(b, 24).unwrap_or_default(),
        inodes: le::u64(b, 16).unwrap_or_default(),
        blocks: wide(36),
        meta_block: wide(40),
        root_nid: le::u16(b, 14).unwrap_or_default(),
    };
    let (sum, features) = (wide(4), wide(8));
    block[SUPERBLOCK_AT + 4..SUPERBLOCK_AT + 8].fill(0);
    if features & COMPAT_CHECKSUM != 0 && checksum(&block) != sum {
        return Err(corrupt(at + 4, "checksum", format!("{sum:#x}"), "the checksum of block 0"));
    }
    Ok(superblock)
}

/// Returns the length of the attributes according to `i_xattr_icount`.
fn xattr_bytes(count: u16) -> u64 {
    if count == 0 { 0 } else { XATTR_HEADER_BYTES as u64 + (u64::from(count) - 1) * 4 }
}

/// Parses attributes, including the header; the error names the invalid field and its value.
fn parse_xattrs(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, (&'static str, String)> {
    let shared = bytes.get(4).copied().unwrap_or_default();
    if shared != 0 {
        return Err(("number of shared attributes", shared.to_string()));
    }
    let mut xattrs = BTreeMap::new();
    let mut rest = bytes.get(XATTR_HEADER_BYTES..).unwrap_or_default();
    while let (Some([name_bytes, index]), Some(value_bytes)) = (le::array::<2>(rest, 0), le::u16(rest, 2)) {
        let name_end = 4 + usize::from(name_bytes);
        let value_end = name_end + usize::from(value_bytes);
        let prefix = xattr_prefix(index).ok_or(("attribute prefix", index.to_string()))?;
        let (Some(name), Some(value)) = (rest.get(4..name_end), rest.get(name_end..value_end)) else {
            return Err(("attribute", "cut off".into()));
        };
        xattrs.insert(format!("{prefix}{}", String::from_utf8_lossy(name)), value.to_vec());
        let length = xattr_entry_bytes(name.len(), value.len());
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(xattrs)
}

/// Parses one block of a directory into names and inodes; `None` if it is malformed.
fn parse_directory_block(block: &[u8]) -> Option<Vec<(Vec<u8>, u64)>> {
    let names_at = usize::from(le::u16(block, 8)?);
    if names_at == 0 || !names_at.is_multiple_of(DIRENT_BYTES) {
        return None;
    }
    let count = names_at / DIRENT_BYTES;
    let mut names = Vec::with_capacity(count.min(BLOCK_BYTES / DIRENT_BYTES));
    for i in 0..count {
        let at = i * DIRENT_BYTES;
        let start = usize::from(le::u16(block, at + 8)?);
        let end =
            if i + 1 < count { usize::from(le::u16(block, at + DIRENT_BYTES + 8)?) } else { block.len() };
        let name = block.get(start..end)?;
        // The last name in a full block ends at the first zero.
        let name = name.split(|b| *b == 0).next()?;
        if name.is_empty() || name.len() > 255 || name.contains(&b'/') {
            return None;
        }
        names.push((name.to_vec(), le::u64(block, at)?));
    }
    Some(names)
}

/// Returns the path of `name` in the directory at `path`.
fn join(path: &[u8], name: &[u8], nid: u64) -> Result<Vec<u8>, ErofsError> {
    let mut joined = path.to_vec();
    if !joined.is_empty() {
        joined.push(b'/');
    }
    joined.extend_from_slice(name);
    if joined.len() > MAX_PATH_BYTES {
        return Err(corrupt(nid.saturating_mul(SLOT), "length of a path", joined.len(), "at most 4096"));
    }
    Ok(joined)
}

/// Charges `cost` to the allowance.
fn charge(allowance: &mut u64, at: u64, cost: u64) -> Result<(), ErofsError> {
    let left = allowance.checked_sub(cost);
    *allowance = left.ok_or_else(|| corrupt(at, "listing", "far longer than the image", "less"))?;
    Ok(())
}

/// Returns the error for a malformed structure at byte `at`.
fn corrupt(at: u64, what: &'static str, found: impl Display, expected: &'static str) -> ErofsError {
    ErofsError::Corrupt { at, what, found: found.to_string(), expected }
}

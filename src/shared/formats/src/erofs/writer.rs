//! Writes a tree as an image, sequentially.
//!
//! In memory at any time: all inodes and directories, one buffer, and of each file longer than a block the
//! tail (less than a block) until its inode is written.

use std::io::{self, Read, Write};

use super::ErofsError;
use super::format::{BLOCK, BLOCK_BYTES, DIRENT_BYTES, SLOT, Superblock};
use super::layout::{Layout, Place, plan};
use super::tree::{Item, Link, Payload, flatten, split_directory};
use crate::le;
use crate::tree::{Source, Tree};

/// Size of the output buffer in bytes.
const BUFFER_BYTES: usize = 1 << 20;

/// Properties of an image beside its tree.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// UUID of the file system.
    pub uuid: [u8; 16],
    /// Time of every file, and of the image: seconds since 1970.
    pub epoch_secs: u64,
}

/// Writes `tree` as an EROFS image; returns its length, a multiple of 4096.
///
/// # Errors
/// [`ErofsError`] if the format does not support something in the tree (nothing has been written then), if a
/// file can't be read or has changed its length, or if the output fails; `out` then contains the beginning.
pub fn write(tree: &Tree, options: &Options, out: impl Write) -> Result<u64, ErofsError> {
    let items = flatten(tree)?;
    let layout = plan(&items)?;
    let mut out = Out::new(out);
    let superblock = Superblock {
        uuid: options.uuid,
        volume_name: [0; 16],
        epoch_secs: options.epoch_secs,
        inodes: items.len() as u64,
        blocks: layout.blocks,
        meta_block: layout.meta_block,
        root_nid: u16::try_from(layout.places[0].nid).expect("the root is placed first"),
    };
    out.put(&superblock.to_block())?;
    let mut tails = write_blocks(&items, &layout, &mut out)?;
    write_inodes(&items, &layout, (&mut tails, options.epoch_secs), &mut out)?;
    debug_assert_eq!(out.at, u64::from(layout.blocks) * BLOCK);
    out.finish()
}

/// Writes all data in whole blocks; returns the tails that were read on the way.
fn write_blocks<W: Write>(
    items: &[Item<'_>],
    layout: &Layout,
    out: &mut Out<W>,
) -> Result<Vec<Vec<u8>>, ErofsError> {
    let mut tails = vec![Vec::new(); items.len()];
    for ((item, place), tail) in items.iter().zip(&layout.places).zip(&mut tails) {
        let Payload::Directory(links) = &item.payload else { continue };
        let mut bytes = directory_bytes(links, items, &layout.places);
        *tail = bytes.split_off(bytes.len() - place.inline_bytes);
        out.put(&bytes)?;
        out.pad()?;
    }
    for ((item, place), tail) in items.iter().zip(&layout.places).zip(&mut tails) {
        if place.block_bytes == 0 {
            continue;
        }
        match &item.payload {
            Payload::File(source) => *tail = write_file(item, source.as_ref(), place, out)?,
            Payload::Symlink(target) => out.put(target)?,
            Payload::Directory(_) | Payload::Device(_) | Payload::Fifo => continue,
        }
        out.pad()?;
    }
    Ok(tails)
}

/// Writes the blocks of a file; returns its tail.
fn write_file<W: Write>(
    item: &Item<'_>,
    source: &dyn Source,
    place: &Place,
    out: &mut Out<W>,
) -> Result<Vec<u8>, ErofsError> {
    let error = |error| ErofsError::Source { path: item.path.clone(), error };
    let mut reader = source.open().map_err(error)?;
    let complete = out.copy(&mut *reader, place.block_bytes, &item.path)?;
    let tail = read_last(&mut *reader, place.inline_bytes).map_err(error)?;
    match tail.filter(|_| complete) {
        Some(tail) => Ok(tail),
        None => Err(ErofsError::Length { path: item.path.clone(), expected: place.inode.size }),
    }
}

/// Reads the last `length` bytes; `None` if there are fewer or more.
fn read_last(reader: &mut dyn Read, length: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(length + 1);
    reader.take(length as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() == length).then_some(bytes))
}

/// Writes the inodes with their attributes and tails.
fn write_inodes<W: Write>(
    items: &[Item<'_>],
    layout: &Layout,
    (tails, epoch_secs): (&mut [Vec<u8>], u64),
    out: &mut Out<W>,
) -> Result<(), ErofsError> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_unstable_by_key(|i| layout.places[*i].nid);
    let start = out.at;
    let mut bytes = Vec::with_capacity(BLOCK_BYTES);
    for index in order {
        let (item, place) = (&items[index], &layout.places[index]);
        out.zeros(start + place.nid * SLOT - out.at)?;
        bytes.clear();
        place.inode.append_to(&mut bytes, epoch_secs);
        bytes.extend_from_slice(&item.xattrs);
        match &item.payload {
            _ if place.inline_bytes == 0 => {}
            Payload::Symlink(target) => bytes.extend_from_slice(target),
            Payload::File(source) if place.block_bytes == 0 => {
                bytes.extend(write_file(item, source.as_ref(), place, out)?);
            }
            _ => bytes.append(&mut tails[index]),
        }
        out.put(&bytes)?;
    }
    out.pad()
}

/// Returns the content of a directory: blocks of entries and names.
fn directory_bytes(links: &[Link<'_>], items: &[Item<'_>], places: &[Place]) -> Vec<u8> {
    let (counts, _) = split_directory(links);
    let mut bytes = Vec::new();
    let mut rest = links;
    for count in counts {
        bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), 0);
        let (block, after) = rest.split_at(count);
        rest = after;
        let mut name_at = count * DIRENT_BYTES;
        for link in block {
            let mut entry = [0; DIRENT_BYTES];
            le::put(&mut entry, 0, &places[link.item].nid.to_le_bytes());
            le::put(&mut entry, 8, &u16::try_from(name_at).expect("within a block").to_le_bytes());
            le::put(&mut entry, 10, &[items[link.item].kind().1]);
            bytes.extend(entry);
            name_at += link.name.len();
        }
        block.iter().for_each(|link| bytes.extend_from_slice(link.name));
    }
    bytes
}

/// The output, with one large buffer, into which files are read directly.
struct Out<W> {
    out: W,
    buffer: Vec<u8>,
    used: usize,
    /// Bytes written, including those in the buffer.
    at: u64,
}

impl<W: Write> Out<W> {
    fn new(out: W) -> Out<W> {
        Out { out, buffer: vec![0; BUFFER_BYTES], used: 0, at: 0 }
    }

    /// Flushes the buffer if it is full.
    fn flush_full(&mut self) -> Result<(), ErofsError> {
        if self.used == self.buffer.len() {
            self.out.write_all(&self.buffer)?;
            self.used = 0;
        }
        Ok(())
    }

    /// Writes `bytes`.
    fn put(&mut self, bytes: &[u8]) -> Result<(), ErofsError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let space = &mut self.buffer[self.used..];
            let (part, after) = rest.split_at(rest.len().min(space.len()));
            space[..part.len()].copy_from_slice(part);
            self.advance(part.len())?;
            rest = after;
        }
        Ok(())
    }

    /// Writes `length` zeros.
    fn zeros(&mut self, length: u64) -> Result<(), ErofsError> {
        const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
        let mut left = length;
        while left > 0 {
            let part = usize::try_from(left.min(BLOCK)).expect("at most a block");
            self.put(&ZEROS[..part])?;
            left -= part as u64;
        }
        Ok(())
    }

    /// Writes zeros up to the next block.
    fn pad(&mut self) -> Result<(), ErofsError> {
        self.zeros(self.at.next_multiple_of(BLOCK) - self.at)
    }

    /// Writes `length` bytes from `reader`; `false` if it has fewer.
    fn copy(&mut self, reader: &mut dyn Read, length: u64, path: &str) -> Result<bool, ErofsError> {
        let mut left = length;
        while left > 0 {
            let space = &mut self.buffer[self.used..];
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(space.len());
            match reader.read(&mut space[..want]) {
                Ok(0) => return Ok(false),
                Ok(got) => {
                    self.advance(got)?;
                    left -= got as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ErofsError::Source { path: path.to_owned(), error }),
            }
        }
        Ok(true)
    }

    /// Counts `bytes` that were put into the buffer.
    fn advance(&mut self, bytes: usize) -> Result<(), ErofsError> {
        self.used += bytes;
        self.at += bytes as u64;
        self.flush_full()
    }

    /// Flushes the buffer; returns the total number of bytes written.
    fn finish(mut self) -> Result<u64, ErofsError> {
        self.out.write_all(&self.buffer[..self.used])?;
        self.out.flush()?;
        Ok(self.at)
    }
}

//! Writes a disk as a streamOptimized VMDK, from the first byte to the last.
//!
//! A batch of grains is read and compressed in parallel and then written in order, so the number of threads
//! does not change the result. The table of 512 grains follows them, as in VMware's own files; the
//! directory of the tables, and the header that states its place, are at the end.

use std::io::{self, Write};

use flate2::{Compress, Compression, FlushCompress, Status};
use rayon::prelude::*;

use super::format::{
    AT_END, GRAIN, GRAIN_BYTES, GRAIN_SECTORS, HEAD_SECTORS, MAX_DISK_BYTES, Marker, SECTOR, SECTOR_BYTES,
    TABLE_ENTRIES, descriptor, grain_marker, header,
};
use super::{Options, VmdkError};
use crate::disk::{Blocks, ReadAt, is_zero, read_padded};

/// Number of grains in a batch: 32 MiB of the disk.
const BATCH_GRAINS: usize = 512;
/// Room for a compressed grain; deflate adds at most a few bytes per 16 KiB that it can't compress.
const COMPRESSED_ROOM: usize = GRAIN_BYTES + (1 << 10);
/// Level of compression, as for qcow2 with zlib.
const LEVEL: u32 = 9;

/// Writes `disk` as a streamOptimized VMDK; returns the length of the file in bytes.
///
/// Its capacity is rounded up to a multiple of 64 KiB. Only the ranges returned by [`ReadAt::next_data`] are
/// read, and grains of zeros take no space.
///
/// # Errors
/// [`VmdkError::TooLong`] if the disk exceeds the maximum length; nothing is written then.
/// [`VmdkError::Io`] if reading or writing fails; `out` is not a valid VMDK then.
pub fn write(disk: &(impl ReadAt + ?Sized), options: Options, out: impl Write) -> Result<u64, VmdkError> {
    if disk.len() > MAX_DISK_BYTES {
        return Err(VmdkError::TooLong(disk.len()));
    }
    let mut image = Image::new(disk.len(), options, out)?;
    let mut grains = Blocks::new(disk, GRAIN);
    loop {
        let batch = grains.take(BATCH_GRAINS)?;
        if batch.is_empty() {
            return Ok(image.finish()?);
        }
        let packed: io::Result<Vec<Option<Vec<u8>>>> =
            batch.par_iter().map_init(Packer::new, |packer, grain| packer.pack(disk, *grain)).collect();
        for (grain, packed) in batch.iter().zip(packed?) {
            if let Some(bytes) = packed {
                image.put_grain(*grain, &bytes)?;
            }
        }
    }
}

/// One thread's state for compressing grains.
struct Packer {
    compress: Compress,
    input: Vec<u8>,
}

impl Packer {
    fn new() -> Packer {
        Packer { compress: Compress::new(Compression::new(LEVEL), true), input: vec![0; GRAIN_BYTES] }
    }

    /// Reads and compresses a grain; `None` if it is all zeros.
    fn pack(&mut self, disk: &(impl ReadAt + ?Sized), grain: u64) -> io::Result<Option<Vec<u8>>> {
        read_padded(disk, grain * GRAIN, &mut self.input)?;
        if is_zero(&self.input) {
            return Ok(None);
        }
        self.compress.reset();
        let mut bytes = Vec::with_capacity(COMPRESSED_ROOM);
        let status = self.compress.compress_vec(&self.input, &mut bytes, FlushCompress::Finish);
        match status.map_err(io::Error::other)? {
            Status::StreamEnd => Ok(Some(bytes)),
            _ => Err(io::Error::other("a compressed grain is longer than deflate allows")),
        }
    }
}

/// The file while it is written.
struct Image<W> {
    out: W,
    /// Length of the disk in sectors.
    capacity: u64,
    /// The sector of the file that is written next.
    at: u64,
    /// The grain table that is being filled, and its index.
    table: Option<(u64, Vec<u32>)>,
    /// Places of the grain tables; 0 if none of its grains has data.
    directory: Vec<u32>,
}

impl<W: Write> Image<W> {
    /// Writes the head of the file.
    fn new(disk_bytes: u64, options: Options, out: W) -> io::Result<Image<W>> {
        let grains = disk_bytes.div_ceil(GRAIN);
        let capacity = grains * GRAIN_SECTORS;
        let tables = usize::try_from(grains.div_ceil(TABLE_ENTRIES)).map_err(io::Error::other)?;
        let mut image = Image { out, capacity, at: 0, table: None, directory: vec![0; tables] };
        image.put(&header(capacity, AT_END))?;
        image.put(&descriptor(capacity, options.content_id))?;
        let padding = usize::try_from(HEAD_SECTORS - image.at).map_err(io::Error::other)?;
        image.put(&vec![0; padding * SECTOR_BYTES])?;
        Ok(image)
    }

    /// Appends `bytes`, padded with zeros to a whole sector.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        let padding = bytes.len().next_multiple_of(SECTOR_BYTES) - bytes.len();
        self.out.write_all(&[0; SECTOR_BYTES][..padding])?;
        self.at += (bytes.len() + padding) as u64 / SECTOR;
        Ok(())
    }

    /// Returns the place of what is written next, as entries of tables state it.
    fn place(&self) -> io::Result<u32> {
        u32::try_from(self.at).map_err(io::Error::other)
    }

    /// Appends a compressed grain, after the table of the grains before it if that is complete.
    fn put_grain(&mut self, grain: u64, bytes: &[u8]) -> io::Result<()> {
        let index = grain / TABLE_ENTRIES;
        if self.table.as_ref().is_some_and(|(open, _)| *open != index) {
            self.put_table()?;
        }
        let place = self.place()?;
        let (_, table) = self.table.get_or_insert_with(|| (index, vec![0; 512]));
        table[usize::try_from(grain % TABLE_ENTRIES).map_err(io::Error::other)?] = place;
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.put(&[&grain_marker(grain * GRAIN_SECTORS, length), bytes].concat())
    }

    /// Appends the grain table that is being filled, if there is one.
    fn put_table(&mut self) -> io::Result<()> {
        let Some((index, table)) = self.table.take() else { return Ok(()) };
        let place = self.put_entries(Marker::GrainTable, &table)?;
        self.directory[usize::try_from(index).map_err(io::Error::other)?] = place;
        Ok(())
    }

    /// Appends a marker and the entries it announces; returns their place.
    fn put_entries(&mut self, marker: Marker, entries: &[u32]) -> io::Result<u32> {
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        self.put(&marker.to_bytes((bytes.len() as u64).div_ceil(SECTOR)))?;
        let place = self.place()?;
        self.put(&bytes)?;
        Ok(place)
    }

    /// Writes the end of the file; returns its length.
    fn finish(mut self) -> io::Result<u64> {
        self.put_table()?;
        let directory = std::mem::take(&mut self.directory);
        let place = self.put_entries(Marker::GrainDirectory, &directory)?;
        self.put(&Marker::Footer.to_bytes(1))?;
        self.put(&header(self.capacity, place.into()))?;
        self.put(&Marker::EndOfStream.to_bytes(0))?;
        self.out.flush()?;
        Ok(self.at * SECTOR)
    }
}

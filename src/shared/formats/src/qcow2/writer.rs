//! Writes a disk as qcow2: clusters first, then their tables, the header last.
//!
//! A batch of clusters is read and compressed in parallel and then written in order, so the number of threads
//! does not change the result. Compressed clusters have no gaps between them; incompressible ones come at the
//! end of their batch, since they must start at a multiple of the cluster size. Until the header is written
//! the file is not a qcow2, so a half-written one is never mistaken for a complete one.

use std::io::{self, Seek, SeekFrom, Write};

use rayon::prelude::*;

use super::codec::Compressor;
use super::format::{
    CLUSTER, CLUSTER_BYTES, COPIED, Header, L2_ENTRIES, MAX_DISK_BYTES, REFCOUNTS_PER_BLOCK, compressed_entry,
};
use super::{Codec, Options, Qcow2Error};
use crate::disk::{Blocks, ReadAt, is_zero, read_padded};

/// Number of clusters in a batch: 32 MiB of the disk.
const BATCH_CLUSTERS: usize = 512;

/// Writes `disk` as a compressed qcow2; returns the length of the file.
///
/// Only the ranges returned by [`ReadAt::next_data`] are read, and clusters of zeros take no space. `out`
/// must be empty.
///
/// # Errors
/// [`Qcow2Error::TooLong`] if the disk exceeds the maximum length; nothing is written then.
/// [`Qcow2Error::Io`] if reading or writing fails; `out` is not a valid qcow2 then.
pub fn write(disk: &impl ReadAt, options: Options, out: impl Write + Seek) -> Result<u64, Qcow2Error> {
    if disk.len() > MAX_DISK_BYTES {
        return Err(Qcow2Error::TooLong(disk.len()));
    }
    let mut image = Image::new(disk.len(), options.codec, out)?;
    let mut clusters = Blocks::new(disk, CLUSTER);
    loop {
        let batch = clusters.take(BATCH_CLUSTERS)?;
        if batch.is_empty() {
            break;
        }
        let packed: Result<Vec<Packed>, io::Error> = batch
            .par_iter()
            .map_init(|| Packer::new(options.codec), |packer, cluster| packer.pack(disk, *cluster))
            .collect();
        image.put_batch(&batch, &packed?)?;
    }
    image.finish()
}

/// A cluster in the form in which it will be written.
enum Packed {
    Zeros,
    Compressed(Vec<u8>),
    Raw(Vec<u8>),
}

/// One thread's state for compressing clusters.
struct Packer {
    compressor: Compressor,
    input: Vec<u8>,
}

impl Packer {
    fn new(codec: Codec) -> Packer {
        Packer { compressor: Compressor::new(codec), input: vec![0; CLUSTER_BYTES] }
    }

    /// Reads a cluster, padded with zeros at the end of the disk, and compresses it.
    fn pack(&mut self, disk: &impl ReadAt, cluster: u64) -> io::Result<Packed> {
        read_padded(disk, cluster * CLUSTER, &mut self.input)?;
        if is_zero(&self.input) {
            return Ok(Packed::Zeros);
        }
        Ok(match self.compressor.compress(&self.input)? {
            Some(bytes) => Packed::Compressed(bytes.to_vec()),
            None => Packed::Raw(self.input.clone()),
        })
    }
}

/// The file while it is written.
struct Image<W> {
    out: W,
    codec: Codec,
    disk_bytes: u64,
    /// Offset of the next byte.
    at: u64,
    /// L2 tables by index; empty if none of its clusters has data.
    l2: Vec<Vec<u64>>,
    /// Reference counts of the file's clusters.
    refcounts: Vec<u16>,
}

impl<W: Write + Seek> Image<W> {
    fn new(disk_bytes: u64, codec: Codec, mut out: W) -> Result<Image<W>, Qcow2Error> {
        let tables = usize::try_from(disk_bytes.div_ceil(CLUSTER * L2_ENTRIES)).map_err(io::Error::other)?;
        out.seek(SeekFrom::Start(CLUSTER))?;
        Ok(Image { out, codec, disk_bytes, at: CLUSTER, l2: vec![Vec::new(); tables], refcounts: vec![1] })
    }

    /// Writes a batch: first the compressed clusters, then the others.
    fn put_batch(&mut self, clusters: &[u64], packed: &[Packed]) -> Result<(), Qcow2Error> {
        for (cluster, packed) in clusters.iter().zip(packed) {
            let Packed::Compressed(bytes) = packed else { continue };
            self.map(*cluster, compressed_entry(self.at, bytes.len() as u64));
            self.put(bytes)?;
        }
        for (cluster, packed) in clusters.iter().zip(packed) {
            let Packed::Raw(bytes) = packed else { continue };
            self.align()?;
            self.map(*cluster, COPIED | self.at);
            self.put(bytes)?;
        }
        Ok(())
    }

    /// Sets the L2 entry of a cluster of the disk.
    fn map(&mut self, cluster: u64, entry: u64) {
        let index = |n: u64| usize::try_from(n).expect("within tables that are in memory");
        let table = &mut self.l2[index(cluster / L2_ENTRIES)];
        table.resize(index(L2_ENTRIES), 0);
        table[index(cluster % L2_ENTRIES)] = entry;
    }

    /// Appends `bytes`, and increments the reference count of each cluster of the file that they touch.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Qcow2Error> {
        self.out.write_all(bytes)?;
        let first = self.at / CLUSTER;
        self.at += bytes.len() as u64;
        let end = usize::try_from(self.at.div_ceil(CLUSTER)).map_err(io::Error::other)?;
        self.refcounts.resize(self.refcounts.len().max(end), 0);
        let first = usize::try_from(first).map_err(io::Error::other)?;
        for count in &mut self.refcounts[first..end] {
            *count += 1;
        }
        Ok(())
    }

    /// Appends zeros up to the next cluster, without counting references.
    fn align(&mut self) -> Result<(), Qcow2Error> {
        let end = self.at.next_multiple_of(CLUSTER);
        let zeros = usize::try_from(end - self.at).map_err(io::Error::other)?;
        self.out.write_all(&vec![0; zeros])?;
        self.at = end;
        Ok(())
    }

    /// Appends a table of big-endian entries at the next cluster; returns its offset.
    fn put_table(&mut self, entries: &[u64]) -> Result<u64, Qcow2Error> {
        self.align()?;
        let at = self.at;
        let bytes: Vec<u8> = entries.iter().flat_map(|e| e.to_be_bytes()).collect();
        self.put(&bytes)?;
        self.align()?;
        Ok(at)
    }

    /// Writes the tables and the header; returns the length of the file.
    fn finish(mut self) -> Result<u64, Qcow2Error> {
        let mut l1 = vec![0; self.l2.len()];
        for (entry, table) in l1.iter_mut().zip(std::mem::take(&mut self.l2)) {
            if !table.is_empty() {
                *entry = COPIED | self.put_table(&table)?;
            }
        }
        // QEMU requires a table even for a disk without clusters.
        let l1_at = self.put_table(if l1.is_empty() { &[0] } else { &l1 })?;
        let (refcounts_at, refcount_clusters) = self.put_refcounts()?;
        let l1_entries = u32::try_from(l1.len()).map_err(io::Error::other)?;
        let (codec, disk_bytes) = (self.codec, self.disk_bytes);
        let header = Header { codec, disk_bytes, l1_at, l1_entries, refcounts_at, refcount_clusters };
        let mut cluster = vec![0; CLUSTER_BYTES];
        cluster[..super::format::HEADER_BYTES].copy_from_slice(&header.to_bytes());
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&cluster)?;
        self.out.flush()?;
        Ok(self.at)
    }

    /// Writes refcount table and blocks, which also count themselves; returns offset and clusters of the
    /// table.
    fn put_refcounts(&mut self) -> Result<(u64, u32), Qcow2Error> {
        let clusters = self.at / CLUSTER;
        let (mut blocks, mut tables) = (1, 1);
        // Each may enlarge the other; both only grow, so the loop ends.
        while clusters + blocks + tables > blocks * REFCOUNTS_PER_BLOCK || blocks > tables * L2_ENTRIES {
            blocks = (clusters + blocks + tables).div_ceil(REFCOUNTS_PER_BLOCK);
            tables = blocks.div_ceil(L2_ENTRIES);
        }
        let (table_at, blocks_at) = (self.at, self.at + tables * CLUSTER);
        let total = usize::try_from(blocks * REFCOUNTS_PER_BLOCK).map_err(io::Error::other)?;
        let own = usize::try_from(clusters + blocks + tables).map_err(io::Error::other)?;
        self.refcounts.resize(own, 1);
        self.refcounts.resize(total, 0);
        let entries: Vec<u64> = (0..blocks).map(|b| blocks_at + b * CLUSTER).collect();
        let mut bytes: Vec<u8> = entries.iter().flat_map(|e| e.to_be_bytes()).collect();
        bytes.resize(bytes.len().next_multiple_of(CLUSTER_BYTES), 0);
        bytes.extend(self.refcounts.iter().flat_map(|c| c.to_be_bytes()));
        self.out.write_all(&bytes)?;
        self.at += bytes.len() as u64;
        Ok((table_at, u32::try_from(tables).map_err(io::Error::other)?))
    }
}

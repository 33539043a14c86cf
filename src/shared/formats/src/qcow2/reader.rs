//! Shows the disk in a qcow2 file, as a [`ReadAt`] with its holes.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::codec::decompress;
use super::format::{
    CLUSTER, CLUSTER_BYTES, COMPRESSED, Header, L2_ENTRIES, OFFSET_MASK, ZERO, compressed_range, off,
};
use super::{Codec, Qcow2Error};
use crate::disk::{ReadAt, read_vec};

/// The disk in a qcow2 file.
///
/// Memory: the L1 table (at most 1 MiB), and the L2 table and the cluster read last.
#[derive(Debug)]
pub struct Reader<D> {
    file: D,
    codec: Codec,
    disk_bytes: u64,
    /// Where the L2 tables stand; 0 where there is none.
    l1: Vec<u64>,
    /// The L2 table read last: where it stands, and its entries.
    table: Mutex<(u64, Arc<[u64]>)>,
    /// The compressed cluster read last: entry and bytes.
    last: Mutex<(u64, Vec<u8>)>,
}

impl<D: ReadAt> Reader<D> {
    /// Opens a qcow2 file.
    ///
    /// # Errors
    /// [`Qcow2Error::Unsupported`] if it is none, or uses what this reader lacks; the file's error.
    pub fn open(file: D) -> Result<Reader<D>, Qcow2Error> {
        let header = Header::parse(&read_vec(&file, 0, file.len().min(112))?)?;
        let tables = header.disk_bytes.div_ceil(CLUSTER * L2_ENTRIES);
        let bytes = read_vec(&file, header.l1_at, tables * 8)?;
        let l1: Vec<u64> = bytes.chunks_exact(8).map(|e| entry(e) & OFFSET_MASK).collect();
        check_tables(&l1, file.len())?;
        let (table, last) = (Mutex::new((0, Arc::default())), Mutex::default());
        let (codec, disk_bytes) = (header.codec, header.disk_bytes);
        Ok(Reader { file, codec, disk_bytes, l1, table, last })
    }

    /// Returns the L2 table with the entry of a cluster; empty if there is none.
    fn table(&self, cluster: u64) -> io::Result<Arc<[u64]>> {
        let index = usize::try_from(cluster / L2_ENTRIES).unwrap_or(usize::MAX);
        let at = self.l1.get(index).copied().unwrap_or_default();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if at == 0 {
            return Ok(Arc::default());
        }
        if table.0 != at {
            *table = (at, read_vec(&self.file, at, CLUSTER)?.chunks_exact(8).map(entry).collect());
        }
        Ok(Arc::clone(&table.1))
    }

    /// Returns the L2 entry of a cluster, 0 if there is none.
    fn entry(&self, cluster: u64) -> io::Result<u64> {
        let index = usize::try_from(cluster % L2_ENTRIES).unwrap_or(usize::MAX);
        Ok(self.table(cluster)?.get(index).copied().unwrap_or_default())
    }

    /// Fills `buf` from one cluster.
    fn read_cluster(&self, cluster: u64, within: usize, buf: &mut [u8]) -> io::Result<()> {
        let entry = self.entry(cluster)?;
        if entry & COMPRESSED != 0 {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.0 != entry {
                *last = (entry, self.unpack(entry)?);
            }
            let bytes = last.1.get(within..within + buf.len()).ok_or(io::ErrorKind::InvalidData)?;
            buf.copy_from_slice(bytes);
            return Ok(());
        }
        match entry & OFFSET_MASK {
            0 => buf.fill(0),
            _ if entry & ZERO != 0 => buf.fill(0),
            at => self.file.read_exact_at(buf, at + within as u64)?,
        }
        Ok(())
    }

    /// Reads a compressed cluster.
    fn unpack(&self, entry: u64) -> io::Result<Vec<u8>> {
        let (at, most) = compressed_range(entry);
        let there = self.file.len().saturating_sub(at).min(most);
        let input = read_vec(&self.file, at, there)?;
        let output = decompress(self.codec, &input)?;
        if output.len() != CLUSTER_BYTES {
            let text = format!("compressed cluster at byte {at} has {} bytes, expected 65536", output.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(output)
    }
}

impl<D: ReadAt> ReadAt for Reader<D> {
    fn len(&self) -> u64 {
        self.disk_bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|e| *e <= self.disk_bytes);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (mut at, mut rest) = (offset, buf);
        while at < end {
            let cluster = at / CLUSTER;
            let upto = end.min((cluster + 1) * CLUSTER);
            let length = usize::try_from(upto - at).map_err(io::Error::other)?;
            let within = usize::try_from(at % CLUSTER).map_err(io::Error::other)?;
            let (part, tail) = rest.split_at_mut(length);
            self.read_cluster(cluster, within, part)?;
            (at, rest) = (upto, tail);
        }
        Ok(())
    }

    fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let clusters = self.disk_bytes.div_ceil(CLUSTER);
        let mut cluster = from / CLUSTER;
        while cluster < clusters && self.entry(cluster)? == 0 {
            let empty = self.table(cluster)?.is_empty();
            cluster = if empty { (cluster / L2_ENTRIES + 1) * L2_ENTRIES } else { cluster + 1 };
        }
        let start = from.max(cluster * CLUSTER);
        while cluster < clusters && self.entry(cluster)? != 0 {
            cluster += 1;
        }
        let end = self.disk_bytes.min(cluster * CLUSTER);
        Ok((start < end).then_some(start..end))
    }
}

/// Checks that no two L2 tables are one and that all are in the file: then walking over the disk is
/// bounded by the length of the file.
fn check_tables(l1: &[u64], file_bytes: u64) -> Result<(), Qcow2Error> {
    let mut tables: Vec<u64> = l1.iter().copied().filter(|at| *at != 0).collect();
    tables.sort_unstable();
    if let Some(at) = tables.iter().find(|at| *at + CLUSTER > file_bytes) {
        return Err(off("place of an L2 table", at, "within the file"));
    }
    match tables.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(off("place of an L2 table", pair[0], "used once")),
        None => Ok(()),
    }
}

/// Returns the big-endian entry in these eight bytes.
fn entry(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |entry, byte| entry << 8 | u64::from(*byte))
}

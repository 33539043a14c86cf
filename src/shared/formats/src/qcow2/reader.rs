//! Presents the disk in a qcow2 file as a [`ReadAt`], including its holes.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::codec::decompress;
use super::format::{OFFSET_MASK, off};
use super::header::{self, Header};
use super::map::{Geometry, Place};
use super::{Codec, Links, Qcow2Error};
use crate::disk::{ReadAt, read_vec};

/// The open files that a qcow2 file needs according to its [`Links`].
#[derive(Default)]
pub struct Others {
    /// The disk in the backing file, whatever its format.
    pub backing: Option<Box<dyn ReadAt + Send>>,
    /// The external data file.
    pub data: Option<Box<dyn ReadAt + Send>>,
}

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |file: &Option<Box<dyn ReadAt + Send>>| file.as_ref().map(|file| file.len());
        f.debug_struct("Others")
            .field("backing", &length(&self.backing))
            .field("data", &length(&self.data))
            .finish()
    }
}

/// The disk in a qcow2 file.
///
/// Memory: the L1 table (at most 32 MiB), and the most recently read L2 table and compressed cluster (at most
/// 2 MiB each).
#[derive(Debug)]
pub struct Reader<D> {
    file: D,
    others: Others,
    geometry: Geometry,
    codec: Codec,
    disk_bytes: u64,
    /// Offsets of the L2 tables; 0 if there is none.
    l1: Vec<u64>,
    /// The most recently read L2 table: its offset and its entries.
    table: Mutex<(u64, Arc<[u64]>)>,
    /// The most recently read compressed cluster: its entry and its content.
    last: Mutex<(u64, Vec<u8>)>,
}

impl<D: ReadAt> Reader<D> {
    /// Opens a qcow2 file that needs no other files.
    ///
    /// # Errors
    /// Those of [`Reader::open_with`]; [`Qcow2Error::Unsupported`] if the file needs another one.
    pub fn open(file: D) -> Result<Reader<D>, Qcow2Error> {
        Reader::open_with(file, Others::default())
    }

    /// Opens a qcow2 file with the files that its [`links`](super::links) name.
    ///
    /// # Errors
    /// [`Qcow2Error::Unsupported`] if it is not a qcow2, is encrypted, uses a feature that is not supported,
    /// or needs a file that is not in `others`; [`Qcow2Error::TooLong`] if the disk is too long;
    /// [`Qcow2Error::Io`] if the file can't be read.
    pub fn open_with(file: D, others: Others) -> Result<Reader<D>, Qcow2Error> {
        let Header { geometry, codec, disk_bytes, l1_at, links } = header::read(&file)?;
        check_links(&links, &others)?;
        let tables = disk_bytes.div_ceil(geometry.table_reach());
        let l1: Vec<u64> = numbers(&read_vec(&file, l1_at, tables * 8)?).map(|e| e & OFFSET_MASK).collect();
        check_tables(&l1, geometry, file.len())?;
        let (table, last) = (Mutex::new((0, Arc::default())), Mutex::default());
        Ok(Reader { file, others, geometry, codec, disk_bytes, l1, table, last })
    }

    /// Returns the L2 table that covers offset `at` of the disk; empty if there is none.
    fn table(&self, at: u64) -> io::Result<Arc<[u64]>> {
        let index = usize::try_from(at / self.geometry.table_reach()).unwrap_or(usize::MAX);
        let start = self.l1.get(index).copied().unwrap_or_default();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if start == 0 {
            return Ok(Arc::default());
        }
        if table.0 != start {
            *table = (start, numbers(&read_vec(&self.file, start, self.geometry.cluster())?).collect());
        }
        Ok(Arc::clone(&table.1))
    }

    /// Fills `buf` from one unit of the disk, starting at offset `at`.
    fn read_unit(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        let within = at % self.geometry.cluster();
        match self.geometry.place(&self.table(at)?, at)? {
            Place::Zeros => buf.fill(0),
            Place::Under => self.read_under(buf, at)?,
            Place::Data(start) => match &self.others.data {
                Some(data) => data.read_exact_at(buf, start + within)?,
                None => self.file.read_exact_at(buf, start + within)?,
            },
            Place::Compressed(entry) => {
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.0 != entry {
                    *last = (entry, self.unpack(entry)?);
                }
                let within = usize::try_from(within).map_err(io::Error::other)?;
                let bytes = last.1.get(within..within + buf.len()).ok_or(io::ErrorKind::InvalidData)?;
                buf.copy_from_slice(bytes);
            }
        }
        Ok(())
    }

    /// Fills `buf` from the backing file, and with zeros if there is none or after its end.
    fn read_under(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        let left = self.others.backing.as_ref().map_or(0, |b| b.len().saturating_sub(at));
        let (part, rest) = buf.split_at_mut(usize::try_from(left).unwrap_or(usize::MAX).min(buf.len()));
        rest.fill(0);
        match &self.others.backing {
            Some(backing) if !part.is_empty() => backing.read_exact_at(part, at),
            _ => Ok(()),
        }
    }

    /// Reads and decompresses a compressed cluster.
    fn unpack(&self, entry: u64) -> io::Result<Vec<u8>> {
        let (at, most) = self.geometry.compressed_range(entry);
        let there = self.file.len().saturating_sub(at).min(most);
        let input = read_vec(&self.file, at, there)?;
        let expected = usize::try_from(self.geometry.cluster()).map_err(io::Error::other)?;
        let output = decompress(self.codec, &input, expected)?;
        if output.len() != expected {
            let found = output.len();
            let text = format!("compressed cluster at byte {at} has {found} bytes, expected {expected}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(output)
    }

    /// Returns the kind of the units at `at`, and how far units of that kind continue, at most to the end of
    /// the range that one L2 table covers.
    fn run(&self, at: u64) -> io::Result<(Run, u64)> {
        let (table, unit) = (self.table(at)?, self.geometry.unit());
        let table_end = (at / self.geometry.table_reach() + 1).saturating_mul(self.geometry.table_reach());
        let limit = table_end.min(self.disk_bytes);
        let run = |at: u64| {
            self.geometry.place(&table, at).map(|place| match place {
                Place::Under => Run::Under,
                Place::Zeros => Run::Zeros,
                Place::Data(_) | Place::Compressed(_) => Run::Data,
            })
        };
        let first = run(at)?;
        if table.is_empty() {
            return Ok((first, limit));
        }
        let mut end = (at / unit + 1) * unit;
        while end < limit && run(end)? == first {
            end += unit;
        }
        Ok((first, end.min(limit)))
    }

    /// Returns the first range at or after `from` with data in the file itself or its backing file. It ends
    /// at the latest where one L2 table or one kind of units ends.
    fn next_piece(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let mut at = from;
        // The backing file's first data at or after `at`, so that it is queried once for many units without
        // data.
        let mut under: Option<Range<u64>> = None;
        while at < self.disk_bytes {
            let (run, end) = self.run(at)?;
            match (run, &self.others.backing) {
                (Run::Data, _) => return Ok(Some(at..end)),
                (Run::Under, Some(backing)) => {
                    if under.as_ref().is_none_or(|r| r.end <= at) {
                        let none = u64::MAX..u64::MAX;
                        under = Some(backing.next_data(at)?.unwrap_or(none));
                    }
                    if let Some(data) = under.as_ref().filter(|r| r.start < end) {
                        return Ok(Some(data.start.max(at)..data.end.min(end)));
                    }
                }
                _ => {}
            }
            at = end;
        }
        Ok(None)
    }
}

/// The common kind of consecutive units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Under,
    Zeros,
    Data,
}

impl<D: ReadAt> ReadAt for Reader<D> {
    fn len(&self) -> u64 {
        self.disk_bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|e| *e <= self.disk_bytes);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let unit = self.geometry.unit();
        let (mut at, mut rest) = (offset, buf);
        while at < end {
            let upto = end.min((at / unit + 1) * unit);
            let length = usize::try_from(upto - at).map_err(io::Error::other)?;
            let (part, tail) = rest.split_at_mut(length);
            self.read_unit(part, at)?;
            (at, rest) = (upto, tail);
        }
        Ok(())
    }

    fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let Some(mut found) = self.next_piece(from)? else { return Ok(None) };
        // Only ranges of this file are joined: querying the backing file twice at each level of a chain would
        // double the work with each level.
        while found.end < self.disk_bytes
            && let (Run::Data, end) = self.run(found.end)?
        {
            found.end = end;
        }
        Ok(Some(found))
    }
}

/// Checks that every required file was passed.
fn check_links(links: &Links, others: &Others) -> Result<(), Qcow2Error> {
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    match (&links.backing, &links.data_file) {
        (Some(backing), _) if others.backing.is_none() => {
            Err(off("backing file", text(&backing.name), "none"))
        }
        (_, Some(name)) if others.data.is_none() => Err(off("external data file", text(name), "none")),
        _ => Ok(()),
    }
}

/// Checks that no two L2 tables are the same and that all are in the file, so that reading the complete disk
/// is bounded by the length of the file.
fn check_tables(l1: &[u64], geometry: Geometry, file_bytes: u64) -> Result<(), Qcow2Error> {
    let mut tables: Vec<u64> = l1.iter().copied().filter(|at| *at != 0).collect();
    tables.sort_unstable();
    let cluster = geometry.cluster();
    if let Some(at) = tables.iter().find(|at| *at + cluster > file_bytes || !at.is_multiple_of(cluster)) {
        return Err(off("place of an L2 table", at, "a cluster within the file"));
    }
    match tables.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(off("place of an L2 table", pair[0], "used once")),
        None => Ok(()),
    }
}

/// Returns the big-endian 64-bit numbers in these bytes.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(8).map(|number| number.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

//! Reads a log: the positions of its entries at once, their data only when needed.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use formats::disk::{ReadAt, read_vec};

use super::Change;

/// Magic number of the superblock.
const MAGIC: u64 = 0x6a_7366_7773_6872;
/// The version of the format.
const VERSION: u64 = 1;
/// Length of the fields of the superblock and of an entry.
const HEAD_BYTES: u64 = 32;

/// Bits of an entry's flags.
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;

/// One disk operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes were written.
    Write(Write),
    /// Bytes were discarded: their content is undefined afterwards.
    Discard(Range<u64>),
    /// Everything written before is on the medium.
    Flush,
}

/// A write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The byte range of the disk.
    pub range: Range<u64>,
    /// Whether it was on the medium when it was completed.
    pub lasting: bool,
    /// Offset of the data in the log.
    data_at: u64,
}

/// A log on `D`.
#[derive(Debug)]
pub struct Log<D> {
    disk: D,
    /// The operations, in order.
    pub events: Vec<Event>,
    /// For each operation, the length of the log in bytes once it was complete.
    pub ends: Vec<u64>,
}

impl<D: ReadAt> Log<D> {
    /// Reads the positions of all entries.
    ///
    /// The superblock counts the entries up to the last flush; entries after that are used as far as they are
    /// complete.
    ///
    /// # Errors
    /// If it is not such a log, or has fewer complete entries than the superblock counts.
    pub fn read(disk: D) -> Result<Log<D>> {
        let head = words(&disk, 0).context("reading the log's superblock")?;
        ensure!(head[0] == MAGIC, "expected a log of writes, found magic {:#x}", head[0]);
        ensure!(head[1] == VERSION, "expected a log of version {VERSION}, found {}", head[1]);
        let (counted, sector) = (head[2], head[3] & u64::from(u32::MAX));
        let sound = sector.is_power_of_two() && (512..=4096).contains(&sector);
        ensure!(sound, "expected sectors of 512 to 4096 bytes, found {sector}");
        let (mut events, mut ends, mut entries, mut at) = (Vec::new(), Vec::new(), 0, sector);
        while let Some(next) = entry(&disk, at, sector, &mut events)? {
            at = next;
            ends.resize(events.len(), at);
            entries += 1;
        }
        ensure!(entries >= counted, "expected {counted} entries in the log, found {entries}");
        Ok(Log { disk, events, ends })
    }

    /// Returns the data of a write.
    ///
    /// # Errors
    /// The I/O error of the log.
    pub fn data(&self, write: &Write) -> Result<Vec<u8>> {
        let data = read_vec(&self.disk, write.data_at, write.range.end - write.range.start);
        data.context("reading what was written")
    }

    /// Returns the writes to `region` of the disk, with offsets relative to its start, and all flushes.
    ///
    /// # Errors
    /// If a write crosses a boundary of the region, or a part of it was discarded.
    pub fn changes(&self, region: &Range<u64>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for event in &self.events {
            match event {
                Event::Flush => changes.push(Change::Flush),
                Event::Discard(range) => ensure!(!meet(range, region), "{range:?} was given up"),
                Event::Write(write) if meet(&write.range, region) => {
                    let inside = region.start <= write.range.start && write.range.end <= region.end;
                    ensure!(inside, "{:?} was written, across an end of {region:?}", write.range);
                    let at = usize::try_from(write.range.start - region.start)?;
                    changes.push(Change::Write { at, bytes: self.data(write)?, lasting: write.lasting });
                }
                Event::Write(_) => {}
            }
        }
        Ok(changes)
    }
}

/// Reads the entry at byte `at` and returns the offset of the next one; `None` at the end of the log.
fn entry(disk: &impl ReadAt, at: u64, sector: u64, events: &mut Vec<Event>) -> Result<Option<u64>> {
    let Some(data_at) = at.checked_add(sector).filter(|end| *end <= disk.len()) else { return Ok(None) };
    let [start, sectors, flags, more] = words(disk, at).context("reading an entry of the log")?;
    let bytes = |sectors: u64| sectors.checked_mul(sector).context("an entry of the log is out of range");
    let (start, length) = (bytes(start)?, bytes(sectors)?);
    let range = start..start.checked_add(length).context("an entry of the log is out of range")?;
    if flags & !(FLUSH | FUA | DISCARD) != 0 || more != 0 {
        bail!("the log's entry at byte {at} has flags {flags:#x} and {more} bytes of its own");
    }
    let has_data = length > 0 && flags & DISCARD == 0;
    let end = data_at.checked_add(if has_data { length } else { 0 });
    // Without length and flags nothing was done: the entry was never written.
    let Some(end) = end.filter(|end| *end <= disk.len() && (length > 0 || flags != 0)) else {
        return Ok(None);
    };
    // With a write, the flush comes first.
    if flags & FLUSH != 0 {
        events.push(Event::Flush);
    }
    if has_data {
        events.push(Event::Write(Write { range, lasting: flags & FUA != 0, data_at }));
    } else if flags & DISCARD != 0 {
        events.push(Event::Discard(range));
    }
    Ok(Some(end))
}

/// Reads the four numbers at the start of a superblock or an entry.
fn words(disk: &impl ReadAt, at: u64) -> std::io::Result<[u64; 4]> {
    let bytes = read_vec(disk, at, HEAD_BYTES)?;
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    Ok(words)
}

/// Returns whether two ranges overlap.
fn meet(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a sector with these numbers at its start.
    fn sector(words: [u64; 4]) -> Vec<u8> {
        let mut sector: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        sector.resize(512, 0);
        sector
    }

    fn log(counted: u64, entries: &[Vec<u8>]) -> Vec<u8> {
        [sector([MAGIC, VERSION, counted, 512]), entries.concat()].concat()
    }

    /// A write of two sectors, a flush, a discard, and a write with flush and FUA.
    fn entries() -> Vec<Vec<u8>> {
        vec![
            [sector([8, 2, 0, 0]), vec![7; 1024]].concat(),
            sector([0, 0, FLUSH, 0]),
            sector([9, 100, DISCARD, 0]),
            [sector([1, 1, FLUSH | FUA, 0]), vec![9; 512]].concat(),
        ]
    }

    #[test]
    fn each_kind_of_entry_is_told() {
        let log = Log::read(log(4, &entries())).unwrap();
        let [Event::Write(first), Event::Flush, Event::Discard(gone), Event::Flush, Event::Write(last)] =
            log.events.as_slice()
        else {
            panic!("{:?}", log.events)
        };
        assert_eq!((first.range.clone(), first.lasting), (4096..5120, false));
        assert_eq!((last.range.clone(), last.lasting), (512..1024, true));
        assert_eq!(*gone, 4608..55_808);
        assert_eq!(log.data(first).unwrap(), [7; 1024]);
        assert_eq!(log.data(last).unwrap(), [9; 512]);
    }

    #[test]
    fn writes_of_a_region_count_from_its_start() {
        let log = Log::read(log(1, &entries()[..1])).unwrap();
        let write = Change::Write { at: 1024, bytes: vec![7; 1024], lasting: false };
        assert_eq!(log.changes(&(3072..5120)).unwrap(), [write]);
        assert_eq!(log.changes(&(0..4096)).unwrap(), []);
        assert!(log.changes(&(0..4608)).is_err(), "across the end");
    }

    #[test]
    fn a_region_that_was_given_up_is_refused() {
        let log = Log::read(log(3, &entries()[..3])).unwrap();
        assert!(log.changes(&(50_000..51_200)).is_err());
    }

    #[test]
    fn what_no_flush_counted_is_taken_while_it_is_whole() {
        let whole = log(2, &entries());
        let read = Log::read(whole.clone()).unwrap();
        assert_eq!((read.events.len(), read.ends.last()), (5, Some(&(whole.len() as u64))));
        let cut = whole[..whole.len() - 1].to_vec();
        assert_eq!(Log::read(cut).unwrap().events.len(), 3);
        let hole = log(0, &[sector([0; 4]), entries()[0].clone()]);
        assert_eq!(Log::read(hole).unwrap().events, []);
    }

    #[test]
    fn what_is_no_log_is_refused() {
        let told = |bytes: Vec<u8>| format!("{:#}", Log::read(bytes).unwrap_err());
        assert!(told(vec![]).contains("superblock"));
        assert!(told(vec![0; 4096]).contains("magic 0x0"));
        assert!(told(sector([MAGIC, 2, 0, 512])).contains("found 2"));
        assert!(told(sector([MAGIC, 1, 0, 0])).contains("found 0"));
        assert!(told(log(5, &entries())).contains("expected 5 entries in the log, found 4"));
        assert!(told(log(1, &[sector([0, 0, 8, 3])])).contains("flags 0x8"));
        assert!(told(log(1, &[sector([u64::MAX, 1, 0, 0])])).contains("out of range"));
        assert!(told(log(1, &[sector([1, u64::MAX / 512, 0, 0])])).contains("out of range"));
    }
}

//! Reading and writing the boot record's two sectors, and the headers of the kernel partitions.
//!
//! The only place where `init` touches them. What can't be read counts as invalid: `slots` decides what
//! follows from that.

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use slots::{HEADER_BYTES, Header, Pair, Partition, Place, RECORD_BYTES, Record, Slot};

use crate::blocks;

/// `O_DSYNC`: a write returns when it is on the disk.
const WRITE_FLAGS: i32 = 0o10000;

/// Where record and headers stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Store {
    state: PathBuf,
    kernels: Pair<PathBuf>,
    roots: Pair<PathBuf>,
}

/// What stands there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) first: Option<Record>,
    pub(super) second: Option<Record>,
    pub(super) headers: Pair<Option<Header>>,
}

/// The same as sectors; what can't be read is absent. A header comes with the size of its partition in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Raw {
    records: [Option<Vec<u8>>; 2],
    headers: [Option<(Vec<u8>, u64)>; 2],
}

impl Raw {
    /// Returns what is sound of it.
    pub(super) fn parse(&self) -> Found {
        let [first, second] =
            self.records.each_ref().map(|record| Record::parse(&block(record.as_deref()?)?));
        let [a, b] = self.headers.each_ref().map(|header| {
            let (bytes, room) = header.as_ref()?;
            Header::parse(&block(bytes)?, *room)
        });
        Found { first, second, headers: Pair { a, b } }
    }
}

/// Returns the bytes as a sector, if they are one.
fn block<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

impl Store {
    /// Returns the partitions of no disk.
    #[cfg(test)]
    pub(super) fn nowhere() -> Store {
        Store { state: PathBuf::new(), kernels: Pair::default(), roots: Pair::default() }
    }

    /// Finds the partitions on `disk`, by the names in its table.
    pub(super) fn find(disk: &str) -> anyhow::Result<Store> {
        let all = blocks::list();
        let path = |partition: Partition| {
            let found = all.iter().find(|b| b.disk == disk && b.label == partition.label());
            found.map(blocks::Block::path)
        };
        let Some(state) = path(Partition::BootState) else {
            bail!("disk {disk} has no partition {}", Partition::BootState.label());
        };
        let both = Pair { a: Slot::A, b: Slot::B };
        let kernels = both.map(|slot| path(slot.kernel()).unwrap_or_default());
        let roots = both.map(|slot| path(slot.root()).unwrap_or_default());
        Ok(Store { state, kernels, roots })
    }

    /// Returns the partition of a slot's kernel; the empty path if the disk has none.
    pub(super) fn kernel(&self, slot: Slot) -> &Path {
        self.kernels.get(slot)
    }

    /// Returns the partition of a slot's root; the empty path if the disk has none.
    pub(super) fn root(&self, slot: Slot) -> &Path {
        self.roots.get(slot)
    }

    /// Reads both records and both headers.
    pub(super) fn load(&self) -> Found {
        self.read().parse()
    }

    /// Reads the sectors of both records and both headers.
    pub(super) fn read(&self) -> Raw {
        let record =
            |place: Place| read_block::<RECORD_BYTES>(&self.state, place.offset()).ok().map(Vec::from);
        let header = |slot: Slot| {
            let kernel = self.kernel(slot);
            let block = read_block::<HEADER_BYTES>(kernel, 0).ok()?;
            Some((block.to_vec(), sys::device_bytes(&File::open(kernel).ok()?, kernel).ok()?))
        };
        Raw {
            records: [record(Place::First), record(Place::Second)],
            headers: [header(Slot::A), header(Slot::B)],
        }
    }

    /// Returns the partition of the records, and where in bytes one stands.
    pub(super) fn place(&self, place: Place) -> (&Path, u64) {
        (&self.state, place.offset())
    }

    /// Writes a record.
    pub(super) fn write(&self, place: Place, record: &Record) -> anyhow::Result<()> {
        let opened = File::options().write(true).custom_flags(WRITE_FLAGS).open(&self.state);
        let written = opened.and_then(|f| f.write_all_at(&record.encode(), place.offset()));
        written.with_context(|| format!("writing the boot record to {}", self.state.display()))
    }
}

/// Reads one sector.
fn read_block<const N: usize>(path: &Path, offset: u64) -> std::io::Result<[u8; N]> {
    const { assert!(N == RECORD_BYTES) };
    let mut block = [0; N];
    File::open(path)?.read_exact_at(&mut block, offset)?;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Current, newest};

    #[test]
    fn each_write_leaves_the_record_before_it() {
        let state = std::env::temp_dir().join(format!("init-record-{}", std::process::id()));
        std::fs::write(&state, [0; 8192]).unwrap();
        let store = Store { state: state.clone(), kernels: Pair::default(), roots: Pair::default() };
        assert_eq!(store.load(), Found::default());
        let mut record = Record::installed(3);
        let mut place = Place::First;
        for _ in 0..4 {
            store.write(place, &record).unwrap();
            let Found { first, second, headers } = store.load();
            assert_eq!(newest(first, second), Some((place, record)));
            let current = Current::new(first, second, &headers);
            assert_eq!(current.write_to, place.other());
            place = current.write_to;
            record = record.succeeding();
        }
        assert_eq!(std::fs::metadata(&state).unwrap().len(), 8192);
        std::fs::remove_file(&state).unwrap();
    }

    #[test]
    fn what_is_missing_is_invalid() {
        let store = Store { state: "/no/such/file".into(), kernels: Pair::default(), roots: Pair::default() };
        assert_eq!(store.load(), Found::default());
        let error = store.write(Place::First, &Record::default()).unwrap_err();
        assert!(error.to_string().ends_with("/no/such/file"), "{error}");
    }
}

//! GPT: `sgdisk` finds no problems before and after growing, and no power loss leaves a disk without a table.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use formats::gpt::{GptError, Guid, Partition, Table, dump, grow_last, read, write};
use proptest::prelude::*;

const BLOCKS: u64 = 40_960;

fn partition(number: u32, first_lba: u64, last_lba: u64, name: &str) -> Partition {
    let type_guid = Guid::parse("0fc63daf-8483-4772-8e79-3d69d8477de4").unwrap();
    let unique_guid = Guid([u8::try_from(number).unwrap(); 16]);
    Partition { number, type_guid, unique_guid, first_lba, last_lba, attributes: 0, name: name.into() }
}

fn table(disk_blocks: u64) -> Table {
    let mut root = partition(5, 6144, 8191, "root-a");
    root.attributes = 1 << 60 | 1 << 63;
    let partitions = vec![partition(1, 2048, 4095, "esp"), root, partition(8, 8192, 10_239, "data")];
    Table { disk_guid: Guid([0xd1; 16]), disk_blocks, partitions }
}

fn disk(table: &Table) -> Cursor<Vec<u8>> {
    let mut disk = Cursor::new(vec![0; usize::try_from(table.disk_blocks * 512).unwrap()]);
    write(&mut disk, table).unwrap();
    disk
}

fn no_sync<D>(_: &mut D) -> io::Result<()> {
    Ok(())
}

#[test]
fn reads_back_what_was_written() {
    let mut disk = disk(&table(BLOCKS));
    assert_eq!(read(&mut disk, BLOCKS).unwrap(), table(BLOCKS));
    assert_eq!(
        judge::sha256(disk.get_ref()),
        "8439d9493aeac8e53e1875f79cede7a51605e9f2bc675a996513f8bac0356108"
    );
}

#[test]
fn a_table_as_text() {
    let expected = "\
disk d1d1d1d1-d1d1-d1d1-d1d1-d1d1d1d1d1d1 of 40960 blocks
  1       2048       4095 0x0000000000000000 0fc63daf-8483-4772-8e79-3d69d8477de4 01010101-0101-0101-0101-010101010101 esp
  5       6144       8191 0x9000000000000000 0fc63daf-8483-4772-8e79-3d69d8477de4 05050505-0505-0505-0505-050505050505 root-a
  8       8192      10239 0x0000000000000000 0fc63daf-8483-4772-8e79-3d69d8477de4 08080808-0808-0808-0808-080808080808 data
";
    assert_eq!(dump(&table(BLOCKS)), expected);
}

#[test]
fn sgdisk_finds_no_problems_before_and_after_growing() {
    let Some(sgdisk) = judge::find("sgdisk") else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("disk");
    let mut disk = disk(&table(BLOCKS));
    std::fs::write(&file, disk.get_ref()).unwrap();
    let said = sgdisk.agrees(&["-v", judge::text(&file)]);
    assert!(said.contains("No problems found"), "{said}");
    let said = sgdisk.agrees(&["-i", "5", judge::text(&file)]);
    assert!(said.contains("'root-a'") && said.contains("Attribute flags: 9000000000000000"), "{said}");
    disk.get_mut().resize(100_001 * 512, 0);
    grow_last(&mut disk, 100_001, no_sync).unwrap();
    std::fs::write(&file, disk.get_ref()).unwrap();
    let said = sgdisk.agrees(&["-v", judge::text(&file)]);
    assert!(said.contains("No problems found"), "{said}");
    let said = sgdisk.agrees(&["-i", "8", judge::text(&file)]);
    assert!(said.contains("Last sector: 98303"), "{said}");
}

#[test]
fn growing_twice_writes_once_and_never_shrinks() {
    let mut disk = disk(&table(BLOCKS));
    disk.get_mut().resize(100_000 * 512, 0);
    let grown = grow_last(&mut disk, 100_000, no_sync).unwrap();
    assert!(grown.changed);
    assert_eq!((grown.last.number, grown.last.last_lba), (8, 98_303));
    let before = disk.get_ref().clone();
    let again = grow_last(&mut disk, 100_000, no_sync).unwrap();
    assert_eq!((again.changed, again.last), (false, grown.last));
    assert!(*disk.get_ref() == before);
    // A partition that ends after the last whole MiB keeps its end.
    let mut odd = table(12_000);
    odd.partitions[2].last_lba = 11_966;
    let mut disk = self::disk(&odd);
    assert_eq!(grow_last(&mut disk, 12_000, no_sync).unwrap().last.last_lba, 11_966);
}

/// A disk whose power fails after a number of bytes.
struct Failing {
    disk: Cursor<Vec<u8>>,
    left: usize,
}

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.disk.read(buf)
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.disk.seek(to)
    }
}

impl Write for Failing {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let length = buf.len().min(self.left);
        self.left -= length;
        if length == 0 {
            return Err(io::Error::other("no power"));
        }
        self.disk.write(&buf[..length])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_power_loss_at_any_byte_leaves_a_table_that_grows_later() {
    let mut start = disk(&table(11_000));
    start.get_mut().resize(14_000 * 512, 0);
    let mut whole = start.clone();
    grow_last(&mut whole, 14_000, no_sync).unwrap();
    // Entries and header of the backup, the MBR, entries and header of the primary.
    for left in (0..34_304).step_by(997).chain(16_384..16_400).chain(34_290..34_304) {
        let mut failing = Failing { disk: start.clone(), left };
        assert!(grow_last(&mut failing, 14_000, no_sync).is_err(), "{left}");
        let mut disk = failing.disk;
        let found = read(&mut disk, 14_000).unwrap_or_else(|e| panic!("{left}: {e}"));
        assert_eq!(found.partitions.len(), 3);
        grow_last(&mut disk, 14_000, no_sync).unwrap();
        assert!(disk == whole || disk.get_ref() == whole.get_ref(), "{left}");
    }
}

#[test]
fn a_broken_primary_is_repaired_from_the_backup() {
    let mut disk = disk(&table(BLOCKS));
    for at in [512, 512 + 60, 1024 + 40] {
        let mut broken = disk.clone();
        broken.get_mut()[at] ^= 1;
        assert_eq!(read(&mut broken, BLOCKS).unwrap(), table(BLOCKS));
        assert!(grow_last(&mut broken, BLOCKS, no_sync).unwrap().changed);
    }
    disk.get_mut()[512] ^= 1;
    let last = disk.get_ref().len() - 1;
    disk.get_mut()[last - 500] ^= 1;
    assert!(matches!(read(&mut disk, BLOCKS), Err(GptError::Unsound { .. })));
}

#[test]
fn tables_that_can_not_stand_are_refused_before_writing() {
    let with = |change: fn(&mut Table)| {
        let mut table = table(BLOCKS);
        change(&mut table);
        let mut disk = Cursor::new(Vec::new());
        let error = write(&mut disk, &table).unwrap_err();
        assert!(disk.get_ref().is_empty());
        error
    };
    assert!(matches!(with(|t| t.disk_blocks = 67), GptError::TooSmall(67)));
    assert!(matches!(with(|t| t.partitions[0].number = 0), GptError::Number(0)));
    assert!(matches!(with(|t| t.partitions[0].number = 129), GptError::Number(129)));
    assert!(matches!(with(|t| t.partitions[0].number = 5), GptError::Number(5)));
    assert!(matches!(with(|t| t.partitions[0].name = "x".repeat(37)), GptError::Name { number: 1, .. }));
    assert!(matches!(with(|t| t.partitions[0].first_lba = 33), GptError::Range { number: 1, .. }));
    assert!(matches!(with(|t| t.partitions[2].last_lba = BLOCKS - 33), GptError::Range { number: 8, .. }));
    assert!(matches!(with(|t| t.partitions[0].last_lba = 2047), GptError::Range { number: 1, .. }));
    assert!(matches!(with(|t| t.partitions[0].last_lba = 6144), GptError::Overlap(1, 5)));
    let mut empty = table(BLOCKS);
    empty.partitions.clear();
    let found = grow_last(&mut disk(&empty), BLOCKS, no_sync);
    assert!(matches!(found, Err(GptError::Empty)));
}

#[test]
fn damaged_tables_are_errors_at_worst() {
    let good = disk(&table(4096 * 3)).into_inner();
    judge::damaged(&good[..2 * 512 + 300], |bad| {
        let bad = [bad, &good[bad.len()..]].concat();
        let mut disk = Cursor::new(bad[..40 * 512].to_vec());
        let blocks = 40;
        let _ = read(&mut disk, blocks);
        let _ = grow_last(&mut disk, blocks, no_sync);
    });
    for length in (0..good.len()).step_by(4099) {
        let blocks = length as u64 / 512;
        let _ = read(&mut Cursor::new(good[..length].to_vec()), blocks);
    }
    for blocks in [0, 1, 2, u64::MAX] {
        assert!(read(&mut Cursor::new(good.clone()), blocks).is_ok() == (blocks == u64::MAX));
    }
}

proptest! {
    #[test]
    fn any_table_reads_back(sizes in prop::collection::vec((1u64..3000, 0u64..100, "[a-zäß]{0,30}"), 0..20)) {
        let mut at = 34;
        let mut partitions = Vec::new();
        for (number, (size, gap, name)) in (1..).zip(sizes) {
            partitions.push(partition(number, at + gap, at + gap + size - 1, &name));
            at += gap + size;
        }
        let table = Table { disk_guid: Guid([3; 16]), disk_blocks: at + 40, partitions };
        prop_assert_eq!(read(&mut disk(&table), table.disk_blocks).unwrap(), table);
    }
}

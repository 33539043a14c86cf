//! ext4: `e2fsck` finds an empty file system with nothing to repair.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use formats::disk::{Memory, ReadAt, WriteAt, read_vec};
use formats::ext4::{Ext4Error, Options, format};
use proptest::prelude::*;

fn options(bytes: u64) -> Options {
    Options { bytes, uuid: [0x42; 16], label: "state".into(), epoch_secs: 1_700_000_000 }
}

fn made(bytes: u64) -> Memory {
    let mut disk = Memory::new(bytes);
    format(&mut disk, &options(bytes)).unwrap();
    disk
}

#[test]
fn e2fsck_finds_nothing_to_repair() {
    let Some(e2fsck) = judge::find("e2fsck") else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    for bytes in [16 << 20, (64 << 20) + 512, 300 << 20, 3 << 30] {
        let disk = made(bytes);
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(bytes).unwrap();
        let mut at = 0;
        while let Some(range) = disk.next_data(at).unwrap() {
            let part = read_vec(&disk, range.start, range.end - range.start).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &part, range.start).unwrap();
            at = range.end;
        }
        e2fsck.agrees(&["-fn", judge::text(&path)]);
    }
    let Some(dumpe2fs) = judge::find("dumpe2fs") else { return };
    let said = dumpe2fs.agrees(&["-h", judge::text(&path)]);
    assert!(said.contains("42424242-4242-4242-4242-424242424242") && said.contains("state"), "{said}");
}

#[test]
fn the_bytes_are_pinned() {
    let disk = made(32 << 20);
    assert_eq!(
        judge::sha256(&read_vec(&disk, 0, disk.len()).unwrap()),
        "8bcabb21478f72866cd1e355cbcb0dbae6c1c5042f9b4023d5c2a20d090e650e"
    );
}

#[test]
fn what_was_there_before_does_no_harm() {
    let Some(e2fsck) = judge::find("e2fsck") else { return };
    let mut dirty = Memory::new(40 << 20);
    dirty.write_all_at(&judge::noise(40 << 20, 1), 0).unwrap();
    format(&mut dirty, &options(40 << 20)).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), read_vec(&dirty, 0, dirty.len()).unwrap()).unwrap();
    e2fsck.agrees(&["-fn", judge::text(file.path())]);
    // Free space keeps its old content: clearing it would take too long.
    assert!(read_vec(&dirty, 39 << 20, 4096).unwrap() == judge::noise(40 << 20, 1)[39 << 20..][..4096]);
}

/// A disk that discards what is written, and counts it.
#[derive(Default)]
struct Counted {
    bytes: u64,
}

impl WriteAt for Counted {
    fn write_all_at(&mut self, bytes: &[u8], _: u64) -> std::io::Result<()> {
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn zero_at(&mut self, _: u64, length: u64) -> std::io::Result<()> {
        self.bytes += length;
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn of_any_size_little_is_written(shift in 24u32..38, more: u64) {
        let bytes = (1 << shift) + more % (1 << shift);
        let mut disk = Counted::default();
        format(&mut disk, &options(bytes)).unwrap();
        // Inode tables take a sixty-fourth, the journal at most a sixteenth or 1 GiB.
        let most = bytes / 50 + (bytes / 8).min(1 << 30) + (4 << 20);
        prop_assert!(disk.bytes < most, "{} of {bytes}", disk.bytes);
    }
}

#[test]
fn bad_options_and_failing_disks_are_errors() {
    let mut disk = Memory::new(64 << 20);
    for bytes in [0, 4096, (16 << 20) - 1] {
        assert!(matches!(format(&mut disk, &options(bytes)), Err(Ext4Error::TooSmall(b)) if b == bytes));
    }
    let long = Options { label: "x".repeat(17), ..options(32 << 20) };
    assert!(matches!(format(&mut disk, &long), Err(Ext4Error::Options { .. })));
    let mut short = Memory::new(1 << 20);
    assert!(matches!(format(&mut short, &options(32 << 20)), Err(Ext4Error::Io(_))));
    assert!(format(&mut disk, &options(u64::MAX)).is_err());
    // Every size from the minimum on works.
    for bytes in (16 << 20..18 << 20).step_by(40_961) {
        format(&mut disk, &options(bytes)).unwrap();
    }
}

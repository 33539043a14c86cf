//! FAT32: `fsck.fat` finds nothing to repair, and mtools read the files back.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use std::collections::BTreeMap;

use formats::disk::{Memory, ReadAt, read_vec};
use formats::fat::{FatError, Kind, Options, read, write};
use proptest::prelude::*;

const BYTES: u64 = 64 << 20;

fn options() -> Options {
    Options { kind: Kind::Fat32, bytes: BYTES, offset: 1 << 20, serial: 0x1234_abcd, label: "ESP".into() }
}

fn sample() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    files.insert("EFI/BOOT/BOOTX64.EFI".to_owned(), judge::noise(3 << 20, 1));
    files.insert("EFI/Linux/ironhull-1.2.3 a long name.efi".to_owned(), vec![7; 70_000]);
    files.insert("loader/empty.conf".to_owned(), Vec::new());
    for i in 0..200 {
        files.insert(format!("loader/entry-with-a-long-name-{i:03}.conf"), b"title x\n".to_vec());
    }
    files
}

fn all(disk: &Memory) -> Vec<u8> {
    read_vec(disk, 0, disk.len()).unwrap()
}

#[test]
fn fsck_and_mtools_agree() {
    let Some(fsck) = judge::find("fsck.fat") else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("esp");
    std::fs::write(&file, all(&write(sample(), &options()).unwrap())).unwrap();
    fsck.agrees(&["-nv", judge::text(&file)]);
    let Some(mcopy) = judge::find("mcopy") else { return };
    for (path, bytes) in sample().iter().take(4) {
        let to = directory.path().join("out");
        mcopy.agrees(&["-n", "-o", "-i", judge::text(&file), &format!("::{path}"), judge::text(&to)]);
        assert!(std::fs::read(&to).unwrap() == *bytes, "{path}");
    }
    let Some(mdir) = judge::find("mdir") else { return };
    let said = mdir.agrees(&["-i", judge::text(&file), "::"]);
    assert!(said.contains("Volume in drive : is ESP") && said.contains("1234-ABCD"), "{said}");
}

#[test]
fn a_small_one_has_short_entries() {
    let small = Options { kind: Kind::Fat16, bytes: 8 << 20, ..options() };
    let files = BTreeMap::from([("EFI/BOOT/BOOTX64.EFI".to_owned(), judge::noise(1 << 20, 1))]);
    let disk = write(files.clone(), &small).unwrap();
    assert!(read(&disk, "EFI/BOOT/BOOTX64.EFI").unwrap() == files["EFI/BOOT/BOOTX64.EFI"]);
    let Some(fsck) = judge::find("fsck.fat") else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), all(&disk)).unwrap();
    let said = fsck.agrees(&["-nv", judge::text(file.path())]);
    assert!(said.contains("16 bit entries"), "{said}");
}

#[test]
fn the_bytes_are_pinned_and_free_space_takes_no_room() {
    let disk = write(sample(), &options()).unwrap();
    assert_eq!(
        judge::sha256(&all(&disk)),
        "09c6f5d898470df9d4885c7f0033114a6ff6c8c5796517b488587e2622d793eb"
    );
    let (mut at, mut taken) = (0, 0);
    while let Some(range) = disk.next_data(at).unwrap() {
        taken += range.end - range.start;
        at = range.end;
    }
    assert!(taken < 6 << 20, "{taken}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let one = |path: &str, length| BTreeMap::from([(path.to_owned(), vec![1; length])]);
    let bad = Options { label: "twelve chars".into(), ..options() };
    assert!(matches!(write(one("x", 1), &bad), Err(FatError::Label(_))));
    let small = Options { bytes: 40 << 20, ..options() };
    assert!(matches!(write(one("x", 41 << 20), &small), Err(FatError::Write { .. })));
    for path in ["", "/a", "a/", "a//b", "a/../b"] {
        assert!(matches!(write(one(path, 1), &options()), Err(FatError::Path(p)) if p == path));
    }
    assert!(matches!(write(one("a:b", 1), &options()), Err(FatError::Write { .. })));
    let tiny = Options { bytes: 1 << 20, ..options() };
    assert!(write(one("x", 1), &tiny).is_err());
}

#[test]
fn files_are_read_back() {
    let disk = write(sample(), &options()).unwrap();
    for (path, bytes) in sample().iter().take(4) {
        assert!(read(&disk, path).unwrap() == *bytes, "{path}");
    }
    for path in ["EFI", "EFI/BOOT/GRUBX64.EFI", "EFI/BOOT/BOOTX64.EFI/x", ""] {
        assert!(matches!(read(&disk, path), Err(FatError::Read { .. })), "{path:?}");
    }
    assert!(matches!(read(&Memory::new(BYTES), "x"), Err(FatError::Read { .. })));
}

#[test]
fn a_damaged_file_system_is_an_error_at_worst() {
    let path = "EFI/BOOT/BOOTX64.EFI";
    let files = BTreeMap::from([(path.to_owned(), judge::noise(40_000, 1))]);
    let mut disk = all(&write(files, &options()).unwrap());
    // Boot sector, the start of each table, and directories: everything that is read to find the file.
    let lead: Vec<usize> = (0..disk.len()).filter(|at| disk[*at] != 0).collect();
    for at in lead.iter().take(400).chain(lead.iter().skip(400).step_by(997)) {
        for flip in [0x01, 0x80, 0xff] {
            disk[*at] ^= flip;
            let _ = read(&disk, path);
            disk[*at] ^= flip;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn any_files_pass_fsck(files in prop::collection::btree_map("[a-c]{1,2}/[a-z]{1,30}", 0usize..9000, 0..40)) {
        let Some(fsck) = judge::find("fsck.fat") else { return Ok(()) };
        let files: BTreeMap<_, _> = files.into_iter().map(|(p, n)| (p, judge::noise(n, 1))).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), all(&write(files, &options()).unwrap())).unwrap();
        fsck.agrees(&["-n", judge::text(file.path())]);
    }
}

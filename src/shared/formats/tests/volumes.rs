//! Volumes that foreign tools made are read, whatever their variant; damaged ones are errors at worst.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use std::fs;
use std::path::Path;

use formats::volume::{Volume, VolumeError};
use judges::Judge;
use proptest::prelude::*;

const USER_DATA: &[u8] = b"#cloud-config\nhostname: n1\n";
const META: &str = "openstack/latest/meta_data.json";

/// Makes the files that every volume gets: short and long names, a directory, one of several clusters, an empty one.
fn files(dir: &Path) {
    fs::create_dir_all(dir.join("openstack/latest")).unwrap();
    fs::write(dir.join("user-data"), USER_DATA).unwrap();
    fs::write(dir.join("empty"), "").unwrap();
    fs::write(dir.join("large.bin"), judge::noise(70_000, 7)).unwrap();
    fs::write(dir.join(META), "{}").unwrap();
    for i in 0..40 {
        fs::write(dir.join(format!("a long name, number {i:02}.text")), "x").unwrap();
    }
}

/// Checks that a volume has the files of [`files`].
fn has_the_files(what: &str, disk: &[u8], label: &str) {
    let volume = Volume::open(disk).unwrap().unwrap();
    assert_eq!(volume.label().unwrap(), label, "{what}");
    let read = |path: &str| volume.read(path, 1 << 20).unwrap_or_else(|e| panic!("{what}: {path}: {e}"));
    assert_eq!(read("user-data").as_deref(), Some(USER_DATA), "{what}");
    assert_eq!(read("USER-data").as_deref(), Some(USER_DATA), "{what}");
    assert_eq!(read("empty").as_deref(), Some(&b""[..]), "{what}");
    assert_eq!(read("large.bin"), Some(judge::noise(70_000, 7)), "{what}");
    assert_eq!(read(META).as_deref(), Some(&b"{}"[..]), "{what}");
    assert_eq!(read("a long name, number 39.text").as_deref(), Some(&b"x"[..]), "{what}");
    for absent in ["user-dat", "user-data/x", "openstack/x", "", "/", "openstack//latest"] {
        assert_eq!(read(absent), None, "{what}: {absent:?}");
    }
    assert!(matches!(volume.read("openstack", 9), Err(VolumeError::Damaged { .. })), "{what}");
    let long = volume.read("user-data", 3).unwrap_err();
    assert!(matches!(long, VolumeError::TooLong { length: 27, limit: 3, .. }), "{what}: {long}");
    let names = volume.root_names(100).unwrap();
    assert_eq!(names.len(), 44, "{what}: {names:?}");
    assert!(names.iter().any(|n| n == "user-data"), "{what}: {names:?}");
    assert_eq!(volume.root_names(3).unwrap().len(), 3);
}

/// Makes a FAT with the files of [`files`].
fn fat(dir: &Path, megabytes: u64, mkfs: &[&str]) -> Option<Vec<u8>> {
    let (make, copy) = (judge::find("mkfs.vfat")?, judge::find("mcopy")?);
    let (disk, from) = (dir.join("disk"), dir.join("from"));
    files(&from);
    let _ = fs::remove_file(&disk);
    fs::File::create(&disk).unwrap().set_len(megabytes << 20).unwrap();
    make.agrees(&[mkfs, &[judge::text(&disk)]].concat());
    let mut words = vec!["-s".to_owned(), "-i".to_owned(), judge::text(&disk).to_owned()];
    words.extend(fs::read_dir(&from).unwrap().map(|e| judge::text(&e.unwrap().path()).to_owned()));
    words.push("::/".to_owned());
    copy.agrees(&words);
    Some(fs::read(&disk).unwrap())
}

#[test]
fn every_kind_of_fat_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let kinds: [(u64, &[&str], &str); 6] = [
        (1, &["-F", "12", "-n", "CIDATA"], "CIDATA"),
        (3, &["-F", "12", "-f", "1", "-s", "4", "-n", "cidata"], "cidata"),
        (20, &["-F", "16", "-n", "config-2"], "config-2"),
        (20, &["-F", "16", "-S", "2048", "-s", "1"], ""),
        (40, &["-F", "32", "-n", "CIDATA"], "CIDATA"),
        (80, &["-F", "32", "-S", "1024", "-s", "1", "-n", "CIDATA"], "CIDATA"),
    ];
    for (megabytes, options, label) in kinds {
        let Some(disk) = fat(dir.path(), megabytes, options) else { return };
        has_the_files(&format!("{options:?}"), &disk, label);
    }
}

#[test]
fn the_label_of_the_root_directory_comes_before_that_of_the_boot_sector() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(disk), Some(label)) = (fat(dir.path(), 1, &["-n", "BEFORE"]), judge::find("mlabel")) else {
        return;
    };
    let file = dir.path().join("disk");
    label.agrees(&["-i", judge::text(&file), "::CIDATA"]);
    let mut changed = fs::read(&file).unwrap();
    changed[..512].copy_from_slice(&disk[..512]);
    assert_eq!(Volume::open(&changed[..]).unwrap().unwrap().label().unwrap(), "CIDATA");
}

/// Makes an ISO with the files of [`files`].
fn iso(dir: &Path, tool: &Judge, options: &[&str]) -> Vec<u8> {
    let (disk, from) = (dir.join("disk"), dir.join("from"));
    files(&from);
    tool.agrees(&[options, &["-o", judge::text(&disk), judge::text(&from)]].concat());
    fs::read(&disk).unwrap()
}

#[test]
fn every_kind_of_iso_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(genisoimage), Some(xorriso)) = (judge::find("genisoimage"), judge::find("xorriso")) else {
        return;
    };
    let kinds: [(&Judge, &[&str]); 8] = [
        (&genisoimage, &["-V", "cidata", "-r"]),
        (&genisoimage, &["-V", "cidata", "-J"]),
        (&genisoimage, &["-V", "cidata", "-J", "-r"]),
        (&genisoimage, &["-V", "cidata", "-U"]),
        (&genisoimage, &["-V", "cidata", "-R", "-l", "-sysid", "X"]),
        (&xorriso, &["-as", "mkisofs", "-V", "cidata", "-r"]),
        (&xorriso, &["-as", "mkisofs", "-V", "cidata", "-J", "-joliet-long"]),
        (&xorriso, &["-as", "mkisofs", "-V", "cidata", "-iso-level", "3", "-r", "-J"]),
    ];
    for (tool, options) in kinds {
        has_the_files(&format!("{:?} {options:?}", tool.path()), &iso(dir.path(), tool, options), "cidata");
    }
}

#[test]
fn what_cloud_localds_writes_is_read() {
    let Some(tool) = judge::find("cloud-localds") else { return };
    if !judges::present(&["genisoimage", "mcopy", "mkfs.vfat", "qemu-img"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("user"), USER_DATA).unwrap();
    fs::write(at("meta"), "instance-id: i-1\n").unwrap();
    for kind in ["iso", "vfat"] {
        tool.agrees(&["-f", kind, "-d", "raw", &at(kind), &at("user"), &at("meta")]);
        let disk = fs::read(at(kind)).unwrap();
        let volume = Volume::open(&disk[..]).unwrap().unwrap();
        assert_eq!(volume.label().unwrap(), "cidata");
        assert_eq!(volume.read("user-data", 99).unwrap().as_deref(), Some(USER_DATA));
        assert_eq!(volume.read("meta-data", 99).unwrap().as_deref(), Some(&b"instance-id: i-1\n"[..]));
    }
}

#[test]
fn other_disks_are_none() {
    for disk in [Vec::new(), vec![0; 511], vec![0; 1 << 20], vec![0xff; 1 << 20], judge::noise(1 << 20, 3)] {
        assert!(Volume::open(disk).unwrap().is_none());
    }
}

/// Reads everything from a volume; errors are fine.
fn read_all(disk: &[u8]) {
    let Ok(Some(volume)) = Volume::open(disk) else { return };
    let _ = volume.label();
    let _ = volume.root_names(1000);
    for path in ["user-data", "large.bin", META, "absent"] {
        if let Ok(Some(bytes)) = volume.read(path, 100_000) {
            assert!(bytes.len() <= 100_000);
        }
    }
}

/// Changes bytes of `good` in each of `places` and calls [`read_all`]; truncates it, too.
fn damage(good: &[u8], places: impl Iterator<Item = usize>) {
    let mut bad = good.to_vec();
    for at in places {
        for byte in [bad[at] ^ 1, bad[at] ^ 0x80, 0, 0xff] {
            let before = std::mem::replace(&mut bad[at], byte);
            read_all(&bad);
            bad[at] = before;
        }
    }
    for length in (0..good.len()).step_by(good.len() / 100) {
        read_all(&good[..length]);
    }
}

/// Returns two small volumes.
fn small() -> Option<(Vec<u8>, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let fat = fat(dir.path(), 1, &["-n", "CIDATA"])?;
    Some((fat, iso(dir.path(), &judge::find("genisoimage")?, &["-V", "cidata", "-J", "-r"])))
}

#[test]
fn a_damaged_volume_is_an_error_at_worst() {
    let Some((fat, iso)) = small() else { return };
    // Boot sector, tables and root directory; descriptors and directories. Free space is left out.
    let used = |disk: &[u8], from: usize, to: usize| -> Vec<usize> {
        (from..to).filter(|at| disk[*at] != 0).collect()
    };
    damage(&fat, used(&fat, 0, 30_000).into_iter().step_by(5));
    damage(&iso, used(&iso, 16 * 2048, 60 * 2048).into_iter().step_by(11));
}

#[test]
fn a_directory_that_goes_round_in_circles_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut disk) = fat(dir.path(), 40, &["-F", "32", "-s", "1", "-n", "CIDATA"]) else { return };
    let word = |at: usize| usize::from(disk[at]) + 256 * usize::from(disk[at + 1]);
    let (table, tables, length) = (word(14) * 512, usize::from(disk[16]), word(36) * 512);
    let root = table + tables * length;
    // The root directory begins in cluster 2, which now follows itself, and has no last entry.
    disk[table + 8..table + 12].copy_from_slice(&[2, 0, 0, 0]);
    disk[root..root + 512].fill(0xe5);
    let volume = Volume::open(&disk[..]).unwrap().unwrap();
    for error in [volume.label().unwrap_err(), volume.read("user-data", 9).unwrap_err()] {
        assert!(matches!(&error, VolumeError::Damaged { format: "FAT32", .. }), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_bytes_are_read_without_a_panic(seed in any::<u64>(), at in prop::collection::vec((0usize..30_000, any::<u8>()), 1..40)) {
        // The boot sector and descriptor of real volumes, with noise around and in them.
        let mut disk = judge::noise(64 << 10, seed);
        disk[..62].copy_from_slice(BOOT_SECTOR);
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        for (at, byte) in &at {
            disk[at % 1024] = *byte;
        }
        read_all(&disk);
        disk[16 * 2048..16 * 2048 + 7].copy_from_slice(b"\x01CD001\x01");
        disk[16 * 2048 + 128..16 * 2048 + 130].copy_from_slice(&2048u16.to_le_bytes());
        disk[16 * 2048 + 156..16 * 2048 + 172].copy_from_slice(&[34, 0, 20, 0, 0, 0, 0, 0, 0, 20, 0, 8, 0, 0, 8, 0]);
        read_all(&disk);
    }
}

/// The start of what `mkfs.vfat -C x 64` writes: 64 KiB of FAT12.
const BOOT_SECTOR: &[u8] = &[
    0xeb, 0x3c, 0x90, b'm', b'k', b'f', b's', b'.', b'f', b'a', b't', 0, 2, 4, 1, 0, 2, 0, 2, 0x80, 0, 0xf8,
    1, 0, 0x20, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0x29, 1, 2, 3, 4, b'C', b'I', b'D', b'A', b'T',
    b'A', b' ', b' ', b' ', b' ', b' ', b'F', b'A', b'T', b'1', b'2', b' ', b' ', b' ',
];

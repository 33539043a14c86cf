//! ISO 9660 as we write it: isoinfo and xorriso read it, and so does our own reader.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod judge;

use std::collections::BTreeMap;
use std::fs;

use formats::iso9660::{Boot, IsoError, Volume, write, write_bootable};
use proptest::prelude::*;

fn seed() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("user-data".to_owned(), b"apiVersion: ironhull.dev/v1\n".to_vec()),
        ("meta-data".to_owned(), b"instance-id: i-1\n".to_vec()),
        ("network-config".to_owned(), Vec::new()),
        ("large.bin".to_owned(), judge::noise(5000, 1)),
    ])
}

#[test]
fn isoinfo_and_xorriso_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("seed.iso");
    fs::write(&file, write("cidata", &seed()).unwrap()).unwrap();
    let Some(isoinfo) = judge::find("isoinfo") else { return };
    let told = isoinfo.agrees(&["-d", "-i", judge::text(&file)]);
    assert!(told.contains("Volume id: cidata") && told.contains("Joliet with UCS level 3"), "{told}");
    let told = isoinfo.agrees(&["-J", "-f", "-i", judge::text(&file)]);
    assert_eq!(told.trim(), "/large.bin\n/meta-data\n/network-config\n/user-data");
    let told = isoinfo.agrees(&["-f", "-i", judge::text(&file)]);
    assert_eq!(told.trim(), "/LARGE.BIN;1\n/META_DATA.;1\n/NETWORK_CONFIG.;1\n/USER_DATA.;1");
    let told = isoinfo.agrees(&["-J", "-x", "/user-data", "-i", judge::text(&file)]);
    assert_eq!(told, "apiVersion: ironhull.dev/v1\n");
    let Some(xorriso) = judge::find("xorriso") else { return };
    let out = dir.path().join("out");
    xorriso.agrees(&[
        "-abort_on",
        "WARNING",
        "-osirrox",
        "on",
        "-indev",
        judge::text(&file),
        "-extract",
        "/",
        judge::text(&out),
    ]);
    for (name, bytes) in seed() {
        assert!(fs::read(out.join(&name)).unwrap() == bytes, "{name}");
    }
}

/// A medium of 4 MiB whose last 2 MiB are what UEFI runs.
fn bootable() -> Vec<u8> {
    let boot = Boot { bios: &[0xf4; 512], efi_sector: 1024, efi_blocks: 4096, sectors: 2048 };
    let mut image = write_bootable("IRONHULL", &seed(), &boot).unwrap();
    assert!(image[..32 << 10].iter().all(|b| *b == 0));
    image.resize(4 << 20, 0);
    image
}

#[test]
fn isoinfo_and_xorriso_know_what_machines_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("boot.iso");
    fs::write(&file, bootable()).unwrap();
    if let Some(isoinfo) = judge::find("isoinfo") {
        let told = isoinfo.agrees(&["-d", "-i", judge::text(&file)]);
        assert!(told.contains("El Torito VD version 1 found, boot catalog is in sector 24"), "{told}");
        assert!(told.contains("Volume size is: 2048"), "{told}");
    }
    let Some(xorriso) = judge::find("xorriso") else { return };
    // What a BIOS starts is no file of the volume, of which xorriso warns: it could not copy it.
    let told =
        xorriso.agrees(&["-abort_on", "SORRY", "-indev", judge::text(&file), "-report_el_torito", "plain"]);
    let lines: Vec<&str> = told.lines().filter(|l| l.starts_with("El Torito boot img :")).collect();
    let [bios, efi] = lines[..] else { panic!("{told}") };
    let words = |line: &str| line.split_whitespace().skip(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(bios), [":", "1", "BIOS", "y", "none", "0x0000", "0x00", "4", "25"]);
    assert_eq!(words(efi), [":", "2", "UEFI", "y", "none", "0x0000", "0x00", "4096", "1024"]);
}

#[test]
fn what_is_started_is_where_the_catalogue_says() {
    let boot = Boot { bios: &[0xf4; 512], efi_sector: 1024, efi_blocks: 4096, sectors: 2048 };
    for bad in [
        Boot { bios: &[0; 2049], ..boot },
        Boot { efi_sector: 20, ..boot },
        Boot { efi_sector: 2048, ..boot },
    ] {
        assert!(matches!(write_bootable("IRONHULL", &seed(), &bad), Err(IsoError::Boot)), "{bad:?}");
    }
    let image = bootable();
    assert_eq!(image[25 * 2048..25 * 2048 + 512], [0xf4; 512]);
    let volume = Volume::open(image).unwrap();
    assert_eq!(volume.read("user-data", 100).unwrap().unwrap(), b"apiVersion: ironhull.dev/v1\n");
}

#[test]
fn the_bytes_are_pinned() {
    assert_eq!(
        judge::sha256(&write("cidata", &seed()).unwrap()),
        "81e42a1085049c249b295aa554172c8ae58ac5460f11bc30a5999ebd9f05316d"
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    for label in ["", "seventeen-letters", "a b", "ä"] {
        assert!(matches!(write(label, &seed()), Err(IsoError::Label(_))), "{label}");
    }
    let long = "a".repeat(29);
    for name in ["", "a/b", "..é", "a b", &long] {
        let files = BTreeMap::from([(name.to_owned(), Vec::new())]);
        assert!(matches!(write("cidata", &files), Err(IsoError::Name(_))), "{name}");
    }
    let alike = BTreeMap::from([("a-b".to_owned(), Vec::new()), ("A_B".to_owned(), Vec::new())]);
    assert!(matches!(write("cidata", &alike), Err(IsoError::Name(_))));
    let large = BTreeMap::from([("a".to_owned(), vec![0; (64 << 20) + 1])]);
    assert!(matches!(write("cidata", &large), Err(IsoError::TooLong(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_files_are_read_back(files in prop::collection::btree_map("[a-z]{1,12}[.][a-z0-9]{0,15}", 0usize..9000, 0..120)) {
        let files: BTreeMap<_, _> = files.into_iter().map(|(p, n)| (p, judge::noise(n, 1))).collect();
        let disk = write("config-2", &files).unwrap();
        let volume = Volume::open(&disk[..]).unwrap();
        prop_assert_eq!(volume.label(), "config-2");
        for (name, bytes) in &files {
            prop_assert_eq!(volume.read(name, 9000).unwrap(), Some(bytes.clone()));
        }
        prop_assert_eq!(volume.root_names(1000).unwrap().len(), files.len());
    }
}

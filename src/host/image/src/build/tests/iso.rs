//! An installation medium: foreign tools read it as a CD and as a disk.

use super::*;

use crate::hostdisk::HostDisk;
use formats::disk::{Cursor, ReadAt, read_vec};
use formats::gpt;

#[test]
fn a_medium_is_a_cd_and_a_disk_to_foreign_tools() {
    let lab = Lab::new(&[Output::Iso]);
    lab.build(&[]).unwrap();
    let path = lab.at("out/small.iso");
    let file = path.display().to_string();
    let disk = HostDisk::open(&path).unwrap();
    let blocks = disk.len() / gpt::BLOCK_BYTES;
    let table = gpt::read(&mut Cursor::new(&disk), blocks).unwrap();
    let names: Vec<&str> = table.partitions.iter().map(|p| p.name.as_str()).collect();
    assert_eq!((names, table.disk_blocks), (vec!["esp", "medium-kernel", "medium-root"], blocks));
    let esp = &table.partitions[0];
    if let Some(sgdisk) = judges::find("sgdisk") {
        let said = sgdisk.agrees(&["-v", &file]);
        assert!(said.contains("No problems found"), "{said}");
    }
    if let Some(fsck) = judges::find("fsck.fat") {
        let bytes = (esp.last_lba + 1 - esp.first_lba) * gpt::BLOCK_BYTES;
        let copy = lab.at("esp");
        fs::write(&copy, read_vec(&disk, esp.first_lba * gpt::BLOCK_BYTES, bytes).unwrap()).unwrap();
        fsck.agrees(&["-nv", &copy.display().to_string()]);
    }
    if let Some(isoinfo) = judges::find("isoinfo") {
        let said = isoinfo.agrees(&["-d", "-i", &file]);
        assert!(
            said.contains("Volume id: IRONHULL") && said.contains("El Torito VD version 1 found"),
            "{said}"
        );
        assert_eq!(isoinfo.agrees(&["-J", "-f", "-i", &file]).trim(), "/README.TXT");
    }
    if let Some(xorriso) = judges::find("xorriso") {
        let report = ["-report_el_torito", "plain", "-report_system_area", "plain"];
        let said = xorriso.agrees(&[&["-abort_on", "FAILURE", "-indev", &file], &report[..]].concat());
        let sector = esp.first_lba / 4;
        let uefi = said.lines().find(|line| line.contains(" UEFI ")).unwrap_or_default();
        assert!(uefi.starts_with("El Torito boot img") && uefi.ends_with(&format!(" {sector}")), "{said}");
        assert!(said.contains("protective-msdos-label") && said.contains("GPT"), "{said}");
    }
}

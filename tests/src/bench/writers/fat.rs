//! The EFI system partition with the kernel image on it: same length, same clusters, sparse.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use formats::disk::{Memory, ReadAt, read_vec};
use formats::fat;

use super::super::contest::{Contest, Size};
use super::super::row::Row;
use super::super::shared::Shared;
use super::{command, run};
use crate::image;

/// Path of the boot loader that firmware starts by default.
const BOOT_PATH: &str = "EFI/BOOT/BOOTX64.EFI";
/// Offset of the cluster size, in sectors, in the first sector.
const CLUSTER_SECTORS_AT: u64 = 13;

/// Measures it.
pub fn measure(shared: &Shared) -> Result<Vec<Row>> {
    let uki_file = shared.dir().join("kernel.efi");
    fs::write(&uki_file, image::uki()).context("writing the kernel image")?;
    let (offset, bytes) = image::partition(&image::raw(), slots::Partition::Esp);
    let options = fat::Options {
        kind: fat::Kind::Fat32,
        bytes,
        offset,
        serial: 0x1234_abcd,
        label: "IRONHULL".to_owned(),
    };
    let sectors = cluster_sectors(&options)?;
    let ours = |to: &Path| {
        let uki = fs::read(&uki_file).context("reading the kernel image")?;
        let disk = fat::write(BTreeMap::from([(BOOT_PATH.to_owned(), uki)]), &options)?;
        save(&disk, to).context("writing the partition")
    };
    let theirs = |to: &Path| {
        File::create(to).and_then(|f| f.set_len(bytes)).context("making the partition")?;
        let mut mkfs = command("mkfs.vfat");
        mkfs.args(["-F", "32", "-n", "IRONHULL", "-i", "1234abcd", "-s", &sectors]).arg(to);
        run(&mut mkfs)?;
        run(command("mmd").arg("-i").arg(to).args(["::EFI", "::EFI/BOOT"]))?;
        run(command("mcopy").arg("-i").arg(to).arg(&uki_file).arg(format!("::{BOOT_PATH}")))
    };
    let other = "mkfs.vfat, mcopy";
    Contest { what: "FAT", size: Size::Room, other, ours: &ours, theirs: &theirs }.run(shared.dir(), 1)
}

/// Returns the sectors in one of our clusters, for the tool's option.
fn cluster_sectors(options: &fat::Options) -> Result<String> {
    let disk = fat::write(BTreeMap::new(), options)?;
    let found = read_vec(&disk, CLUSTER_SECTORS_AT, 1).context("reading the first sector")?;
    Ok(found.first().copied().unwrap_or(1).to_string())
}

/// Writes a disk to a sparse file.
fn save(disk: &Memory, to: &Path) -> Result<()> {
    let file = File::create(to)?;
    file.set_len(disk.len())?;
    let mut at = 0;
    while let Some(range) = disk.next_data(at)? {
        let bytes = read_vec(disk, range.start, range.end - range.start)?;
        file.write_all_at(&bytes, range.start)?;
        at = range.end;
    }
    Ok(())
}

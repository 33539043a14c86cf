//! A root on a CD. The kernel scans no partitions there, so the table is read here, and the root's partition becomes a
//! device of its own.
//!
//! The same bytes on a USB stick have partitions that the kernel knows, and need none of this.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Context;
use formats::gpt::{self, Table};
use formats::verity;
use slots::{MEDIUM_ROOT, Partition, RootParams};
use sys::SECTOR_BYTES;

use super::root::{SUPERBLOCK_BYTES, matches_params};
use crate::blocks::{self, Block};

/// How the kernel names CD drives (`drivers/scsi/sr.c`).
const CD_PREFIX: &str = "sr";
/// The device that is made.
const NAME: &str = "medium";

/// Finds the CD with the root of the command line; with `started`, only one with a partition of that unique GUID counts.
/// `None` if there is none. A CD that can't be read has none.
pub(super) fn find(params: &RootParams, started: Option<[u8; 16]>) -> anyhow::Result<Option<Block>> {
    let entries = fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    let names = entries.filter_map(|e| e.file_name().into_string().ok());
    let mut drives: Vec<String> = names.filter(|n| n.starts_with(CD_PREFIX)).collect();
    drives.sort();
    for drive in drives {
        if let Some(root) = look(&drive, params, started) {
            return open(&drive, &root).map(Some);
        }
    }
    Ok(None)
}

/// Returns the partition with the root on the CD in a drive.
fn look(drive: &str, params: &RootParams, started: Option<[u8; 16]>) -> Option<gpt::Partition> {
    let path = Path::new("/dev").join(drive);
    let mut file = File::open(&path).ok()?;
    let blocks = sys::device_bytes(&file, &path).ok()? / gpt::BLOCK_BYTES;
    let root = choose(gpt::read(&mut file, blocks).ok()?, started)?;
    let mut superblock = [0; SUPERBLOCK_BYTES];
    let within = params.hash_block.saturating_mul(verity::BLOCK_BYTES as u64);
    let at = root.first_lba.saturating_mul(gpt::BLOCK_BYTES).saturating_add(within);
    file.read_exact_at(&mut superblock, at).ok()?;
    matches_params(&superblock, params).then_some(root)
}

/// Returns the root of a medium, if it is the medium that was started. Pure.
fn choose(table: Table, started: Option<[u8; 16]>) -> Option<gpt::Partition> {
    started.is_none_or(|unique| blocks::is_in(&table, unique)).then_some(())?;
    let is_root = |p: &gpt::Partition| p.number == Partition::RootA.number() && p.name == MEDIUM_ROOT;
    table.partitions.into_iter().find(is_root)
}

/// Makes a device of the partition.
fn open(drive: &str, root: &gpt::Partition) -> anyhow::Result<Block> {
    let per_block = gpt::BLOCK_BYTES / SECTOR_BYTES;
    let sectors = root.first_lba * per_block..(root.last_lba + 1) * per_block;
    let number = device_number(drive)?;
    let path = sys::open_part(NAME, &number, sectors)?;
    let name = path.file_name().and_then(|name| name.to_str()).context("the device-mapper gave no path")?;
    Ok(Block {
        name: name.to_owned(),
        disk: drive.to_owned(),
        label: root.name.clone(),
        device: device_number(name)?,
    })
}

/// Returns `major:minor` of a device.
fn device_number(name: &str) -> anyhow::Result<String> {
    let path = Path::new("/sys/class/block").join(name).join("dev");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::gpt::Guid;

    fn table(name: &str) -> Table {
        let partition = |number, unique, name: &str| gpt::Partition {
            number,
            type_guid: Guid([1; 16]),
            unique_guid: Guid::from_disk([unique; 16]),
            first_lba: 2048,
            last_lba: 4095,
            attributes: 0,
            name: name.to_owned(),
        };
        let partitions = vec![partition(3, 3, "medium-kernel"), partition(5, 5, name)];
        Table { disk_guid: Guid([9; 16]), disk_blocks: 8192, partitions }
    }

    #[test]
    fn only_the_medium_that_was_started_counts() {
        assert_eq!(choose(table(MEDIUM_ROOT), Some([3; 16])).unwrap().number, 5);
        assert_eq!(choose(table(MEDIUM_ROOT), None).unwrap().number, 5);
        assert_eq!(choose(table(MEDIUM_ROOT), Some([7; 16])), None);
        assert_eq!(choose(table("root-a"), None), None, "no medium");
    }
}

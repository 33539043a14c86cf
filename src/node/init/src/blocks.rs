//! The partitions that the kernel knows, as sysfs shows them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use formats::gpt::{self, Guid, Table};

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Kernel's name, such as `vda5`.
    pub(crate) name: String,
    /// Kernel's name of the disk that it is on.
    pub(crate) disk: String,
    /// Name in the partition table.
    pub(crate) label: String,
    /// `major:minor`.
    pub(crate) device: String,
}

impl Block {
    /// Returns the path of the device.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }
}

/// Returns all partitions by name. One that vanishes while it is read is left out.
pub(crate) fn list() -> Vec<Block> {
    let entries = fs::read_dir("/sys/class/block").into_iter().flatten().flatten();
    let mut found: Vec<Block> = entries.filter_map(|e| load(&e.path())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Reads one entry of sysfs; `None` if it is no partition.
fn load(entry: &Path) -> Option<Block> {
    let real = fs::canonicalize(entry).ok()?;
    real.join("partition").exists().then_some(())?;
    let name_of = |p: &Path| Some(p.file_name()?.to_str()?.to_owned());
    let uevent = fs::read_to_string(real.join("uevent")).ok()?;
    Some(Block {
        name: name_of(&real)?,
        disk: name_of(real.parent()?)?,
        label: parse_label(&uevent).to_owned(),
        device: fs::read_to_string(real.join("dev")).ok()?.trim().to_owned(),
    })
}

/// Returns whether the partition table of a disk has a partition with this unique GUID, in the byte order of partition
/// tables. The table is read here, as sysfs shows no GUIDs; a disk whose table can't be read has none.
pub(crate) fn has_partition(disk: &str, unique: [u8; 16]) -> bool {
    let path = Path::new("/dev").join(disk);
    let table = File::open(&path).ok().and_then(|mut device| {
        let blocks = sys::device_bytes(&device, &path).ok()? / gpt::BLOCK_BYTES;
        gpt::read(&mut device, blocks).ok()
    });
    table.is_some_and(|table| is_in(&table, unique))
}

/// Returns whether a table has a partition with this unique GUID. Pure.
pub(crate) fn is_in(table: &Table, unique: [u8; 16]) -> bool {
    table.partitions.iter().any(|p| p.unique_guid == Guid::from_disk(unique))
}

/// Returns the name in the partition table out of a uevent; empty if it has none.
fn parse_label(uevent: &str) -> &str {
    uevent.lines().find_map(|l| l.strip_prefix("PARTNAME=")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_is_taken_from_the_uevent() {
        assert_eq!(parse_label("MAJOR=254\nDEVTYPE=partition\nPARTN=7\nPARTNAME=state\n"), "state");
        assert_eq!(parse_label("MAJOR=254\nPARTN=7\n"), "");
    }
}

//! The machine's disks, as the kernel describes them in sysfs (`Documentation/ABI/stable/sysfs-block`). Only read.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use api::Disk;

/// Longest attribute that is read, in bytes: one page.
const MAX_ATTRIBUTE_BYTES: u64 = 4096;
/// The unit of `size`, whatever the size of the disk's blocks.
const SECTOR_BYTES: u64 = 512;

/// Lists the disks that have a device behind them, by name, of the machine whose file system begins at `root`.
///
/// # Errors
/// If there is no list of block devices. What a disk does not tell is empty.
pub fn list(root: &Path) -> Result<Vec<Disk>> {
    let folder = root.join("sys/block");
    let reading = || format!("reading {}", folder.display());
    let mut disks = Vec::new();
    for entry in fs::read_dir(&folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        // Not what the kernel makes itself: dm, loop, ram.
        if entry.path().join("device").exists()
            && let Some(name) = entry.file_name().to_str()
        {
            disks.push(disk(&entry.path(), name));
        }
    }
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(disks)
}

fn disk(folder: &Path, name: &str) -> Disk {
    let text = |attribute: &str| read(&folder.join(attribute)).unwrap_or_default();
    let first =
        |attributes: [&str; 2]| attributes.into_iter().map(text).find(|t| !t.is_empty()).unwrap_or_default();
    let is_partition = |path: &Path| path.join("partition").exists();
    let children = fs::read_dir(folder).into_iter().flatten().flatten();
    Disk {
        name: name.to_owned(),
        size_bytes: text("size").parse::<u64>().unwrap_or(0).saturating_mul(SECTOR_BYTES),
        block_bytes: text("queue/logical_block_size").parse().unwrap_or(0),
        model: text("device/model"),
        // virtio has it beside the disk, NVMe beside the device.
        serial: first(["serial", "device/serial"]),
        read_only: text("ro") == "1",
        removable: text("removable") == "1",
        partitions: u32::try_from(children.filter(|c| is_partition(&c.path())).count()).unwrap_or(u32::MAX),
    }
}

/// Reads an attribute, without the spaces that some are padded with; `None` if there is none.
fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_ATTRIBUTE_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_has_a_device() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &[u8]| {
            let path = root.path().join("sys/block").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("vda/size", b"12582912\n");
        write("vda/ro", b"0\n");
        write("vda/serial", b"system");
        write("vda/queue/logical_block_size", b"512\n");
        write("vda/vda1/partition", b"1\n");
        write("vda/vda2/partition", b"2\n");
        write("vda/device/vendor", b"0x1af4\n");
        write("nvme0n1/size", b"99999999999999999999999\n");
        write("nvme0n1/ro", b"1\n");
        write("nvme0n1/device/model", b"Fast \xff Disk       \n");
        write("nvme0n1/device/serial", b"S1\n");
        write("loop0/size", b"8\n");
        let disks = list(root.path()).unwrap();
        let [fast, system] = disks.as_slice() else { panic!("{disks:?}") };
        assert_eq!((system.name.as_str(), system.size_bytes, system.partitions), ("vda", 6 << 30, 2));
        assert_eq!((system.serial.as_str(), system.block_bytes, system.read_only), ("system", 512, false));
        assert_eq!((fast.model.as_str(), fast.serial.as_str()), ("Fast \u{fffd} Disk", "S1"));
        assert_eq!((fast.size_bytes, fast.read_only, fast.removable), (0, true, false));
    }

    #[test]
    fn a_machine_without_sysfs_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert!(list(root.path()).unwrap_err().to_string().contains("sys/block"));
    }
}

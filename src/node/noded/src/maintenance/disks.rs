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
        // NVMe has it beside the disk, SCSI and SATA beside the device.
        wwn: first(["wwid", "device/wwid"]),
        transport: fs::canonicalize(folder).map(|path| transport(&path)).unwrap_or_default(),
        read_only: text("ro") == "1",
        removable: text("removable") == "1",
        partitions: u32::try_from(children.filter(|c| is_partition(&c.path())).count()).unwrap_or(u32::MAX),
    }
}

/// Returns how a disk is attached, by its place in the tree of devices; empty if that is not known.
fn transport(path: &Path) -> String {
    // The first of these that is in the path: a disk at a virtio controller for SCSI is one of SCSI.
    const PARTS: [(&str, &str); 6] = [
        ("usb", "usb"),
        ("ata", "sata"),
        ("nvme", "nvme"),
        ("mmc_host", "mmc"),
        ("host", "scsi"),
        ("virtio", "virtio"),
    ];
    let is_part = |part: &str, prefix: &str| {
        let number = part.strip_prefix(prefix);
        number.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    };
    let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
    let found = PARTS.iter().find(|(prefix, _)| parts.iter().any(|part| is_part(part, prefix)));
    found.map_or("", |(_, name)| name).to_owned()
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
        write("nvme0n1/wwid", b"eui.1\n");
        write("loop0/size", b"8\n");
        let disks = list(root.path()).unwrap();
        let [fast, system] = disks.as_slice() else { panic!("{disks:?}") };
        assert_eq!((system.name.as_str(), system.size_bytes, system.partitions), ("vda", 6 << 30, 2));
        assert_eq!((system.serial.as_str(), system.block_bytes, system.read_only), ("system", 512, false));
        assert_eq!((fast.model.as_str(), fast.serial.as_str()), ("Fast \u{fffd} Disk", "S1"));
        assert_eq!((fast.wwn.as_str(), system.wwn.as_str()), ("eui.1", ""));
        assert_eq!((fast.size_bytes, fast.read_only, fast.removable), (0, true, false));
    }

    #[test]
    fn the_place_of_a_device_tells_its_transport() {
        let pci = "/sys/devices/pci0000:00/0000:00:04.0";
        for (rest, expected) in [
            ("virtio1/block/vda", "virtio"),
            ("virtio1/host2/target2:0:0/2:0:0:0/block/sda", "scsi"),
            ("ata1/host0/target0:0:0/0:0:0:0/block/sda", "sata"),
            ("usb1/1-1/1-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb", "usb"),
            ("nvme/nvme0/nvme0n1", "nvme"),
            ("mmc_host/mmc0/mmc0:0001/block/mmcblk0", "mmc"),
            ("hosts/block/x", ""),
        ] {
            assert_eq!(transport(&Path::new(pci).join(rest)), expected, "{rest}");
        }
    }

    #[test]
    fn a_machine_without_sysfs_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert!(list(root.path()).unwrap_err().to_string().contains("sys/block"));
    }
}

//! Finds the partitions of the disk that this program was read from. Other disks are never touched, even if
//! they look the same.

use core::fmt;

use slots::{Pair, Partition, Slot};

use crate::efi::{BlockDevice, Firmware, Handle, Memory};
use crate::{gpt, path};

/// An open partition: its blocks, and its device path including the end node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub device: BlockDevice,
    pub path: &'static [u8],
}

/// The partitions that the boot loader reads; `None` for one that does not exist or can't be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disk {
    pub bootstate: Option<Opened>,
    pub kernels: Pair<Option<Opened>>,
}

/// Why the disk was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskError {
    /// The firmware does not say which device this program was read from.
    Device,
    /// This program was not read from a GPT partition.
    Partition,
    /// No whole disk has the beginning of that device path.
    Disk,
    /// Neither the primary nor the backup partition table is valid.
    Table,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DiskError::Device => "the firmware does not say which device the boot loader was read from",
            DiskError::Partition => "the boot loader was not read from a partition of a GPT disk",
            DiskError::Disk => "the disk that the boot loader was read from was not found",
            DiskError::Table => "the disk has no valid partition table",
        })
    }
}

/// Finds the disk that this program was read from, and opens its partitions.
///
/// # Errors
/// [`DiskError::Device`] if the firmware does not name the device, [`DiskError::Partition`] if that is not a GPT
/// partition, [`DiskError::Disk`] if no block device is the whole disk, [`DiskError::Table`] if neither partition
/// table is valid. A missing partition is not an error. Nothing is written in any case.
pub(crate) fn find(firmware: &Firmware) -> Result<Disk, DiskError> {
    let own = firmware.own_device().and_then(|d| firmware.path(d)).ok_or(DiskError::Device)?;
    let disk = path::partition(own).ok_or(DiskError::Partition)?.disk;
    let devices = firmware.block_devices();
    let is_disk = |device: &&Handle| firmware.path(**device).is_some_and(|p| path::is_disk(p, disk));
    let whole = devices.iter().find(is_disk).and_then(|d| firmware.open(*d)).ok_or(DiskError::Disk)?;
    let entries = entries(firmware, &whole).ok_or(DiskError::Table)?;
    let open = |wanted: Partition| {
        let unique = gpt::unique(&entries, wanted)?;
        let of_disk = |path: &&[u8]| {
            let found = path::partition(path);
            found.is_some_and(|p| (p.disk, p.number, p.unique) == (disk, wanted.number(), unique))
        };
        let paths = devices.iter().filter_map(|d| Some((*d, firmware.path(*d)?)));
        let (device, path) = paths.into_iter().find(|(_, path)| of_disk(path))?;
        Some(Opened { device: firmware.open(device)?, path })
    };
    Ok(Disk {
        bootstate: open(Partition::BootState),
        kernels: Pair { a: open(Slot::A.kernel()), b: open(Slot::B.kernel()) },
    })
}

/// Reads the entries of the partition table: the primary one, or the backup in the last block.
fn entries(firmware: &Firmware, disk: &BlockDevice) -> Option<Memory> {
    [1, disk.blocks().saturating_sub(1)].into_iter().find_map(|lba| {
        let mut block = firmware.memory(disk.block())?;
        if !disk.read(lba.checked_mul(disk.block() as u64)?, &mut block) {
            return None;
        }
        let place = gpt::header(&block, lba)?;
        let mut entries = firmware.memory(place.bytes.next_multiple_of(disk.block()))?;
        let read = disk.read(place.lba.checked_mul(disk.block() as u64)?, &mut entries);
        let sound = read && entries.get(..place.bytes).is_some_and(|e| place.are(e));
        sound.then_some(entries)
    })
}

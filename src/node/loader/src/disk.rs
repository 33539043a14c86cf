//! Finds the partitions of the disk that this program was read from. Other disks are never touched, even if
//! they look the same.

use core::fmt;
use core::ops::Range;

use slots::{MEDIUM_KERNEL, Pair, Partition, Slot};

use crate::efi::{BlockDevice, Firmware, Handle, Memory};
use crate::{gpt, path};

/// Size of a block as the partition table of a medium counts them, whatever the blocks of the drive it is in: the same
/// bytes are a CD, with blocks of 2048 bytes, and a USB stick.
const CD_UNIT: usize = 512;

/// An open partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    /// Its blocks.
    pub device: BlockDevice,
    /// Its device path, or that of the CD that it is on, including the end node.
    pub path: &'static [u8],
    /// Its unique GUID.
    pub unique: [u8; 16],
}

/// The partitions that the boot loader reads; `None` for one that does not exist or can't be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disk {
    /// Whether it is an installation medium, to which nothing is written.
    pub is_medium: bool,
    pub bootstate: Option<Opened>,
    pub kernels: Pair<Option<Opened>>,
}

/// Why the disk was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskError {
    /// The firmware does not say which device this program was read from.
    Device,
    /// This program was neither read from a GPT partition nor from a CD.
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
            DiskError::Partition => {
                "the boot loader was not read from a partition of a GPT disk, nor from a CD"
            }
            DiskError::Disk => "the disk that the boot loader was read from was not found",
            DiskError::Table => "the disk has no valid partition table",
        })
    }
}

/// Finds the disk that this program was read from, and opens its partitions.
///
/// A CD has no partitions for the firmware, only the boot image that this program was read from: its partitions are
/// parts of the whole CD here.
///
/// # Errors
/// [`DiskError::Device`] if the firmware does not name the device, [`DiskError::Partition`] if that is not a GPT
/// partition or a CD's boot image, [`DiskError::Disk`] if no block device is the whole disk, [`DiskError::Table`] if
/// neither partition table is valid. A missing partition is not an error. Nothing is written in any case.
pub(crate) fn find(firmware: &Firmware) -> Result<Disk, DiskError> {
    let own = firmware.own_device().and_then(|d| firmware.path(d)).ok_or(DiskError::Device)?;
    let partition = path::partition(own).map(|found| found.disk);
    let disk = partition.or_else(|| path::cd(own)).ok_or(DiskError::Partition)?;
    let devices = firmware.block_devices();
    let is_disk = |device: &&Handle| firmware.path(**device).is_some_and(|p| path::is_disk(p, disk));
    let whole = devices.iter().find(is_disk).copied().ok_or(DiskError::Disk)?;
    let device = firmware.open(whole).ok_or(DiskError::Disk)?;
    let unit = if partition.is_some() { device.block() } else { CD_UNIT };
    let entries = entries(firmware, &device, unit).ok_or(DiskError::Table)?;
    let in_firmware = |wanted: Partition, entry: &gpt::Entry| {
        let of_disk = |path: &&[u8]| {
            let found = path::partition(path);
            found.is_some_and(|p| (p.disk, p.number, p.unique) == (disk, wanted.number(), entry.unique))
        };
        let paths = devices.iter().filter_map(|d| Some((*d, firmware.path(*d)?)));
        let (device, path) = paths.into_iter().find(|(_, path)| of_disk(path))?;
        Some(Opened { device: firmware.open(device)?, path, unique: entry.unique })
    };
    let on_cd = |entry: &gpt::Entry| {
        let unit = unit as u64;
        let (start, bytes) = (entry.first.checked_mul(unit)?, entry.blocks.checked_mul(unit)?);
        Some(Opened { device: device.part(start, bytes)?, path: firmware.path(whole)?, unique: entry.unique })
    };
    let entry = |wanted: Partition| entries.get().and_then(|entries| gpt::entry(entries, wanted));
    let open = |wanted: Partition| {
        let entry = entry(wanted)?;
        if partition.is_some() { in_firmware(wanted, &entry) } else { on_cd(&entry) }
    };
    Ok(Disk {
        is_medium: entry(Partition::KernelA).is_some_and(|kernel| kernel.is_named(MEDIUM_KERNEL)),
        bootstate: open(Partition::BootState),
        kernels: Pair { a: open(Slot::A.kernel()), b: open(Slot::B.kernel()) },
    })
}

/// The entries of a partition table, in the blocks that hold them.
struct Entries {
    blocks: Memory,
    range: Range<usize>,
}

impl Entries {
    fn get(&self) -> Option<&[u8]> {
        self.blocks.get(self.range.clone())
    }
}

/// Reads the entries of the partition table, which counts in blocks of `unit` bytes: the primary one, or the backup in
/// the last block.
fn entries(firmware: &Firmware, disk: &BlockDevice, unit: usize) -> Option<Entries> {
    let bytes = unit as u64;
    [1, (disk.bytes() / bytes).saturating_sub(1)].into_iter().find_map(|lba| {
        let block = read(firmware, disk, lba.checked_mul(bytes)?, unit)?;
        let place = gpt::header(block.get()?, lba)?;
        let entries = read(firmware, disk, place.lba.checked_mul(bytes)?, place.bytes)?;
        entries.get().is_some_and(|found| place.are(found)).then_some(entries)
    })
}

/// Reads `bytes` bytes from byte `at` on, and the rest of their blocks.
fn read(firmware: &Firmware, disk: &BlockDevice, at: u64, bytes: usize) -> Option<Entries> {
    let before = usize::try_from(at % disk.block() as u64).ok()?;
    let end = before.checked_add(bytes)?;
    let mut blocks = firmware.memory(end.next_multiple_of(disk.block()))?;
    disk.read(at.checked_sub(before as u64)?, &mut blocks).then_some(Entries { blocks, range: before..end })
}

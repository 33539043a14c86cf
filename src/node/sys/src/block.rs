//! Block devices: size, partition end, zeroes, and growing a mounted ext4.

use std::ffi::{c_int, c_longlong, c_ulong, c_void};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::error::{During, SysError};

/// The unit of sysfs and of partition tables on most disks.
pub const SECTOR_BYTES: u64 = 512;

/// `_IO(0x12, 127)`.
const BLKZEROOUT: c_ulong = 0x127f;
/// `_IO(0x12, 105)`.
const BLKPG: c_ulong = 0x1269;
/// `BLKPG_RESIZE_PARTITION`.
const RESIZE_PARTITION: c_int = 3;
/// `_IOR(0x12, 114, size_t)`.
const BLKGETSIZE64: c_ulong = 0x8008_1272;
/// `_IOW('f', 16, __u64)`.
const EXT4_IOC_RESIZE_FS: c_ulong = 0x4008_6610;

/// `struct blkpg_partition`.
#[repr(C)]
struct PartitionRange {
    start: c_longlong,
    length: c_longlong,
    number: c_int,
    names: [u8; 128],
}

/// `struct blkpg_ioctl_arg`.
#[repr(C)]
struct PartitionRequest {
    op: c_int,
    flags: c_int,
    length: c_int,
    data: *mut c_void,
}

/// Returns the size of a block device in bytes.
///
/// # Errors
/// [`SysError`] naming `name`, if it is not a block device.
pub fn device_bytes(device: &File, name: &Path) -> Result<u64, SysError> {
    let mut bytes: u64 = 0;
    // SAFETY: the kernel writes one u64 to the address, which is that of a live u64.
    let rc = unsafe { libc::ioctl(device.as_raw_fd(), BLKGETSIZE64, &raw mut bytes) };
    if rc < 0 { Err(SysError::last("reading the size of", name.display())) } else { Ok(bytes) }
}

/// Sets the range of partition `number` of `disk` in the kernel, in bytes. The partition may be mounted; the
/// partition table on the disk is not changed.
///
/// # Errors
/// [`SysError`] naming `name`, if the kernel refuses, for instance because the range overlaps another
/// partition; the old size stays.
pub fn resize_partition(
    disk: &File,
    name: &Path,
    number: u32,
    range: std::ops::Range<u64>,
) -> Result<(), SysError> {
    let bad = || SysError::value("resizing a partition of", name.display());
    let mut partition = PartitionRange {
        start: c_longlong::try_from(range.start).map_err(|_| bad())?,
        length: c_longlong::try_from(range.end.saturating_sub(range.start)).map_err(|_| bad())?,
        number: c_int::try_from(number).map_err(|_| bad())?,
        names: [0; 128],
    };
    let length = c_int::try_from(size_of::<PartitionRange>()).map_err(|_| bad())?;
    let data = (&raw mut partition).cast();
    let request = PartitionRequest { op: RESIZE_PARTITION, flags: 0, length, data };
    // SAFETY: both structures have the kernel's layout and live until the call returns.
    let rc = unsafe { libc::ioctl(disk.as_raw_fd(), BLKPG, &raw const request) };
    if rc < 0 { Err(SysError::last("resizing a partition of", name.display())) } else { Ok(()) }
}

/// Fills a range in bytes with zeroes, by a command of the device if it has one.
///
/// # Errors
/// [`SysError`] naming `name`, on an I/O error; part of the range may be zeroed.
pub fn zero_range(device: &File, name: &Path, range: std::ops::Range<u64>) -> Result<(), SysError> {
    let argument: [u64; 2] = [range.start, range.end.saturating_sub(range.start)];
    // SAFETY: the kernel reads two u64 from the address, which is that of a live array of two.
    let rc = unsafe { libc::ioctl(device.as_raw_fd(), BLKZEROOUT, argument.as_ptr()) };
    if rc < 0 { Err(SysError::last("zeroing", name.display())) } else { Ok(()) }
}

/// Grows the ext4 file system mounted at `target` to `blocks` file system blocks.
///
/// # Errors
/// [`SysError`] naming `target`, if the kernel refuses; the file system is consistent, and may have grown in
/// part.
pub fn grow_ext4(target: &Path, blocks: u64) -> Result<(), SysError> {
    let directory = File::open(target).during("opening", target.display())?;
    // SAFETY: the kernel reads one u64 from the address, which is that of a live u64.
    let rc = unsafe { libc::ioctl(directory.as_raw_fd(), EXT4_IOC_RESIZE_FS, &raw const blocks) };
    if rc < 0 { Err(SysError::last("growing the file system at", target.display())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_kernels_layout() {
        assert_eq!(size_of::<PartitionRange>(), 152);
        assert_eq!(size_of::<PartitionRequest>(), 24);
    }

    #[test]
    fn what_is_no_block_device_is_refused() {
        let file = File::open("/proc/self/exe").unwrap();
        let error = device_bytes(&file, Path::new("/proc/self/exe")).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTTY));
    }
}

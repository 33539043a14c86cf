//! Creates devices with device-mapper ioctls: verified ones (dm-verity), and parts of others (dm-linear).
//!
//! Layout of the requests: `include/uapi/linux/dm-ioctl.h`, version 4. The usual library for this requires
//! udev and a C build; a few ioctls on one buffer are simpler.

use std::ffi::c_ulong;
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::error::{During, SysError};

/// Size of `struct dm_ioctl`, to which the parameters of a request are appended.
const HEADER_BYTES: usize = 312;
/// Size of `struct dm_target_spec`.
const TARGET_BYTES: usize = 40;
/// Size of the buffer of each request.
const BUFFER_BYTES: usize = 4096;
/// The interface version that is used.
const VERSION: [u32; 3] = [4, 0, 0];
/// `DM_READONLY_FLAG`.
const READ_ONLY: u32 = 1;
/// Offsets within `struct dm_ioctl`.
const AT_SIZE: usize = 12;
const AT_START: usize = 16;
const AT_COUNT: usize = 20;
const AT_FLAGS: usize = 28;
const AT_DEVICE: usize = 40;
const AT_NAME: usize = 48;

/// Longest name of a target.
const TARGET_NAME_BYTES: usize = 15;

/// `_IOWR(0xfd, nr, struct dm_ioctl)` for `DM_DEV_CREATE`, `DM_DEV_SUSPEND` and `DM_TABLE_LOAD`.
const DEV_CREATE: c_ulong = request(3);
const DEV_SUSPEND: c_ulong = request(6);
const TABLE_LOAD: c_ulong = request(9);

/// Creates the read-only verity device `name` and returns its path, `/dev/dm-N`.
///
/// `table` has the target's parameters as described in the kernel's `admin-guide/device-mapper/verity`;
/// `sectors` is the length of the data in units of 512 bytes. Nothing is read yet: a wrong root hash is
/// noticed at the first read.
///
/// # Errors
/// [`SysError`] naming the step that failed and the mapping or table. After a failed load or activation the
/// mapping remains, without a usable table.
pub fn open_verity(name: &str, sectors: u64, table: &str) -> Result<PathBuf, SysError> {
    map(name, (sectors, "verity", table))
}

/// Creates the read-only device `name`, which is a part of another one, and returns its path, `/dev/dm-N`.
///
/// `device` is the other one, as `MAJOR:MINOR` or its path; `sectors` is the range in units of 512 bytes.
///
/// # Errors
/// As [`open_verity`].
pub fn open_part(name: &str, device: &str, sectors: Range<u64>) -> Result<PathBuf, SysError> {
    let table = format!("{device} {}", sectors.start);
    map(name, (sectors.end.saturating_sub(sectors.start), "linear", &table))
}

/// Opens the device-mapper.
fn control() -> Result<File, SysError> {
    let path = Path::new("/dev/mapper/control");
    File::options().read(true).write(true).open(path).during("opening", path.display())
}

/// Creates a read-only device with one target: its length in sectors, kind and parameters.
fn map(name: &str, (sectors, target, table): (u64, &str, &str)) -> Result<PathBuf, SysError> {
    let control = control()?;
    let mut create = header(name, READ_ONLY);
    submit(&control, DEV_CREATE, &mut create).during("creating mapping", name)?;
    let mut load = header(name, READ_ONLY);
    put_target(&mut load, (sectors, target, table))
        .ok_or_else(|| SysError::value("loading the table of a mapping", table))?;
    submit(&control, TABLE_LOAD, &mut load).during("loading the table of a mapping", table)?;
    let mut resume = header(name, 0);
    submit(&control, DEV_SUSPEND, &mut resume).during("activating mapping", name)?;
    // `huge_decode_dev`: the low 20 bits of the minor number are split around the major number.
    let device = get_u32(&resume, AT_DEVICE);
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    Ok(PathBuf::from(format!("/dev/dm-{minor}")))
}

/// Returns the number of a device-mapper ioctl.
const fn request(nr: c_ulong) -> c_ulong {
    (3 << 30) | ((HEADER_BYTES as c_ulong) << 16) | (0xfd << 8) | nr
}

/// Returns a request buffer with the header filled in. A name longer than 127 bytes is truncated.
fn header(name: &str, flags: u32) -> [u8; BUFFER_BYTES] {
    let mut buffer = [0; BUFFER_BYTES];
    for (i, v) in VERSION.iter().enumerate() {
        put_u32(&mut buffer, i * 4, *v);
    }
    put_u32(&mut buffer, AT_SIZE, 4096);
    put_u32(&mut buffer, AT_START, 312);
    put_u32(&mut buffer, AT_FLAGS, flags);
    for (to, from) in buffer[AT_NAME..AT_NAME + 127].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    buffer
}

/// Appends the one target of the table; `None` if the text does not fit.
fn put_target(buffer: &mut [u8; BUFFER_BYTES], (sectors, target, table): (u64, &str, &str)) -> Option<()> {
    put_u32(buffer, AT_COUNT, 1);
    buffer.get_mut(HEADER_BYTES + 8..HEADER_BYTES + 16)?.copy_from_slice(&sectors.to_ne_bytes());
    (target.len() <= TARGET_NAME_BYTES).then_some(())?;
    let kind = HEADER_BYTES + 24;
    buffer.get_mut(kind..kind + target.len())?.copy_from_slice(target.as_bytes());
    let text = HEADER_BYTES + TARGET_BYTES;
    // At least one byte after the text stays zero and terminates it.
    (text + table.len() < BUFFER_BYTES).then_some(())?;
    buffer.get_mut(text..text + table.len())?.copy_from_slice(table.as_bytes());
    Some(())
}

fn put_u32(buffer: &mut [u8; BUFFER_BYTES], at: usize, value: u32) {
    buffer[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}

fn get_u32(buffer: &[u8; BUFFER_BYTES], at: usize) -> u32 {
    u32::from_ne_bytes([buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]])
}

/// Sends one request; the kernel writes its answer over it.
fn submit(control: &File, request: c_ulong, buffer: &mut [u8; BUFFER_BYTES]) -> std::io::Result<()> {
    // SAFETY: the buffer is valid and writable for the `data_size` bytes that its header names, and the
    // kernel reads and writes nothing beyond them.
    let rc = unsafe { libc::ioctl(control.as_raw_fd(), request, buffer.as_mut_ptr()) };
    if rc < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_kernels_numbers() {
        assert_eq!(DEV_CREATE, 0xc138_fd03);
        assert_eq!(TABLE_LOAD, 0xc138_fd09);
    }

    #[test]
    fn target_stands_behind_the_header() {
        let mut buffer = header("root", READ_ONLY);
        put_target(&mut buffer, (5600, "verity", "1 x")).unwrap();
        assert_eq!(&buffer[320..328], &5600u64.to_ne_bytes());
        assert_eq!(&buffer[336..343], b"verity\0");
        assert_eq!(&buffer[352..356], b"1 x\0");
        assert_eq!(put_target(&mut buffer, (1, "linear", &"x".repeat(BUFFER_BYTES))), None);
    }
}

//! Makes a disk of a file (loop devices). Layout of the request: `include/uapi/linux/loop.h`.

use std::ffi::c_ulong;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::error::{During, SysError};

/// `LOOP_CTL_GET_FREE` and `LOOP_CONFIGURE`.
const GET_FREE: c_ulong = 0x4c82;
const CONFIGURE: c_ulong = 0x4c0a;
/// `LO_FLAGS_READ_ONLY | LO_FLAGS_PARTSCAN`.
const FLAGS: u32 = 1 | 8;

/// `struct loop_config`.
#[repr(C)]
struct Config {
    descriptor: u32,
    block_bytes: u32,
    info: Info,
    reserved: [u64; 8],
}

/// `struct loop_info64`.
#[repr(C)]
struct Info {
    numbers: [u64; 5],
    number: u32,
    encryption: [u32; 2],
    flags: u32,
    names: [u8; 160],
    init: [u64; 2],
}

/// Makes a read-only disk of a file, with its partitions, and returns the disk's name, such as `loop0`. The file may be
/// deleted then: its bytes are given back when the disk is.
///
/// # Errors
/// [`SysError`] naming the step that failed; there is no disk then.
pub fn open_backed(path: &Path) -> Result<String, SysError> {
    let file = File::open(path).during("opening", path.display())?;
    let control = Path::new("/dev/loop-control");
    let opened = File::open(control).during("opening", control.display())?;
    // SAFETY: the request has no argument.
    let number = unsafe { libc::ioctl(opened.as_raw_fd(), GET_FREE) };
    if number < 0 {
        return Err(SysError::last("making a disk of", path.display()));
    }
    let name = format!("loop{number}");
    let device = Path::new("/dev").join(&name);
    let disk = File::options().read(true).write(true).open(&device).during("opening", device.display())?;
    let config = Config {
        descriptor: u32::try_from(file.as_raw_fd())
            .map_err(|_| SysError::value("making a disk of", &name))?,
        block_bytes: 0,
        info: Info {
            numbers: [0; 5],
            number: 0,
            encryption: [0; 2],
            flags: FLAGS,
            names: [0; 160],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: the kernel reads one `struct loop_config` at the address, which is that of a live one.
    let rc = unsafe { libc::ioctl(disk.as_raw_fd(), CONFIGURE, &raw const config) };
    if rc < 0 { Err(SysError::last("making a disk of", path.display())) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_the_kernels_length() {
        assert_eq!((size_of::<Info>(), size_of::<Config>()), (232, 304));
    }
}

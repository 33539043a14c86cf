//! The kernel's random numbers: reading them, and crediting a seed kept over a reboot.

use std::ffi::{c_int, c_ulong};
use std::fs::File;
use std::os::fd::AsRawFd;

use crate::error::{During, SysError};

/// Bytes credited at once.
const SEED_BYTES: usize = 512;
/// `_IOW('R', 3, int[2])`.
const RNDADDENTROPY: c_ulong = 0x4008_5203;

/// `struct rand_pool_info` with its bytes.
#[repr(C)]
struct Pool {
    bits: c_int,
    bytes: c_int,
    data: [u8; SEED_BYTES],
}

/// Fills `buffer` with random bytes; waits until the kernel has gathered enough once.
///
/// # Errors
/// [`SysError`] when the kernel refuses; the buffer is then unspecified.
pub fn random_bytes(buffer: &mut [u8]) -> Result<(), SysError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|r| !r.is_empty()) {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(rest, flags).during("reading", "random bytes")?;
    }
    Ok(())
}

/// Mixes a seed of an earlier boot into the pool and counts it as full entropy.
///
/// # Errors
/// [`SysError`] when the kernel refuses.
pub fn credit_entropy(seed: &[u8; SEED_BYTES]) -> Result<(), SysError> {
    let device = File::open("/dev/urandom").during("opening", "/dev/urandom")?;
    // The seed of a boot is the pool of the boot before, hashed: 256 bits are what it can be worth.
    let pool = Pool { bits: 256, bytes: 512, data: *seed };
    // SAFETY: the structure has the kernel's layout, `bytes` is the length of its array, and it lives
    // until the call returns.
    let rc = unsafe { libc::ioctl(device.as_raw_fd(), RNDADDENTROPY, &raw const pool) };
    if rc < 0 { Err(SysError::last("crediting", "the random seed")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn random_bytes_differ() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        super::random_bytes(&mut a).unwrap();
        super::random_bytes(&mut b).unwrap();
        assert_ne!(a, b);
    }
}

//! The kernel's random number generator: reading from it, and crediting a seed kept over a reboot.

use std::ffi::{c_int, c_ulong};
use std::fs::File;
use std::os::fd::AsRawFd;

use crate::error::{During, SysError};

/// Length of a seed in bytes.
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

/// Fills `buffer` with random bytes; blocks until the generator is initialised.
///
/// # Errors
/// [`SysError`] if the kernel refuses; the content of `buffer` is unspecified then.
pub fn random_bytes(buffer: &mut [u8]) -> Result<(), SysError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|r| !r.is_empty()) {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(rest, flags).during("reading", "random bytes")?;
    }
    Ok(())
}

/// Mixes the seed of an earlier boot into the pool and credits it as full entropy.
///
/// # Errors
/// [`SysError`] if the kernel refuses; nothing is credited then.
pub fn credit_entropy(seed: &[u8; SEED_BYTES]) -> Result<(), SysError> {
    let device = File::open("/dev/urandom").during("opening", "/dev/urandom")?;
    // A seed is the hashed pool of the previous boot, which is worth at most 256 bits.
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

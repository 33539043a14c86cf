//! A watchdog: it resets the machine if it is not fed in time.

use std::ffi::{c_int, c_ulong};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::error::{During, SysError};

/// `_IOWR('W', 6, int)`.
const WDIOC_SETTIMEOUT: c_ulong = 0xc004_5706;

/// An armed watchdog. Dropping it leaves it armed.
#[derive(Debug)]
pub struct Watchdog {
    device: File,
}

impl Watchdog {
    /// Arms the watchdog at `path`; returns it with its actual timeout in seconds, 0 if unknown.
    ///
    /// # Errors
    /// [`SysError`] naming `path`, if it can't be opened; nothing is armed then.
    pub fn arm(path: &Path, timeout_secs: i32) -> Result<(Watchdog, i32), SysError> {
        let device = File::options().write(true).open(path).during("arming watchdog", path.display())?;
        let mut secs: c_int = timeout_secs;
        // SAFETY: the kernel reads and writes one int, which lives until the call returns.
        let rc = unsafe { libc::ioctl(device.as_raw_fd(), WDIOC_SETTIMEOUT, &raw mut secs) };
        // A watchdog with a fixed timeout refuses; it is armed nevertheless.
        let taken = if rc < 0 { 0 } else { secs };
        Ok((Watchdog { device }, taken))
    }

    /// Feeds the watchdog: the timeout restarts.
    ///
    /// # Errors
    /// [`SysError`] on an I/O error; the timeout keeps running.
    pub fn feed(&mut self) -> Result<(), SysError> {
        self.device.write_all(b"\0").during("feeding", "the watchdog")
    }
}

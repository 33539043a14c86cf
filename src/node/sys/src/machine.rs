//! The machine as a whole: time since boot, host name, reboot and power-off.

use std::path::Path;

use rustix::system::RebootCommand;
use rustix::time::{ClockId, clock_gettime};

use crate::error::{During, SysError};

/// How to end the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The machine reboots.
    Restart,
    /// The machine powers off.
    PowerOff,
}

/// Returns the milliseconds since the kernel started, including time in suspend.
#[must_use]
pub fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(now.tv_sec).unwrap_or(0);
    secs * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Sets the host name.
///
/// # Errors
/// [`SysError`] naming `name`, if it is too long or the caller lacks the privilege.
pub fn set_hostname(name: &str) -> Result<(), SysError> {
    rustix::system::sethostname(name.as_bytes()).during("setting the host name to", name)
}

/// Makes Ctrl-Alt-Del a signal to PID 1 (SIGINT) instead of an immediate reset.
///
/// # Errors
/// [`SysError`] if the caller lacks the privilege, or is in a PID namespace of its own.
pub fn catch_ctrl_alt_del() -> Result<(), SysError> {
    rustix::system::reboot(RebootCommand::CadOff).during("catching", "Ctrl-Alt-Del")
}

/// Reboots or powers off at once: nothing is stopped, synced or unmounted. Returns only on failure.
///
/// # Errors
/// [`SysError`] if the caller lacks the privilege; the machine keeps running.
pub fn leave(how: Leave) -> Result<(), SysError> {
    let command = match how {
        Leave::Restart => RebootCommand::Restart,
        Leave::PowerOff => RebootCommand::PowerOff,
    };
    rustix::system::reboot(command).during("leaving the machine by", format_args!("{how:?}"))
}

/// Writes all dirty data to the disks, and waits for it.
pub fn sync_all() {
    rustix::fs::sync();
}

/// Creates a character device node with mode 0600.
///
/// # Errors
/// [`SysError`] naming `path`, if it exists or can't be created.
pub fn make_device_node(path: &Path, major: u32, minor: u32) -> Result<(), SysError> {
    let (kind, mode) = (rustix::fs::FileType::CharacterDevice, rustix::fs::Mode::from_raw_mode(0o600));
    let device = rustix::fs::makedev(major, minor);
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, device)
        .during("making device node", path.display())
}

#[cfg(test)]
mod tests {
    #[test]
    fn clock_runs_forward() {
        let first = super::boot_ms();
        assert!(first > 0 && super::boot_ms() >= first);
    }
}

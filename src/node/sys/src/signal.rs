//! Signals as events: all are blocked and read from a descriptor.

use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd};

use crate::error::SysError;

/// Size of `struct signalfd_siginfo`; its first word is the signal's number.
const INFO_BYTES: usize = 128;

/// The meaning of a signal for PID 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A child ended (SIGCHLD).
    Child,
    /// Ctrl-Alt-Del (SIGINT).
    CtrlAltDel,
    /// Power is failing (SIGPWR).
    Power,
    /// Any other, by number.
    Other(u32),
}

/// The descriptor that signals are read from.
#[derive(Debug)]
pub struct Signals {
    file: File,
}

impl Signals {
    /// Blocks every signal for this process and opens the descriptor.
    ///
    /// # Errors
    /// [`SysError`] if the kernel rejects the call.
    pub fn block_all() -> Result<Signals, SysError> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigfillset` initialises the set that it is given.
        let set = unsafe {
            libc::sigfillset(set.as_mut_ptr());
            set.assume_init()
        };
        // SAFETY: the set is initialised and outlives the call; the old mask is not asked for.
        if unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) } < 0 {
            return Err(SysError::last("blocking", "signals"));
        }
        // SAFETY: as above; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(SysError::last("opening", "a signalfd"));
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Signals { file: unsafe { File::from_raw_fd(fd) } })
    }

    /// Returns the next pending signal; `None` if there is none.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let mut info = [0; INFO_BYTES];
        let n = (&self.file).read(&mut info).ok()?;
        let number = info.first_chunk().filter(|_| n == INFO_BYTES)?;
        Some(parse(u32::from_ne_bytes(*number)))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Returns the meaning of a signal's number.
fn parse(number: u32) -> Signal {
    match i32::try_from(number) {
        Ok(libc::SIGCHLD) => Signal::Child,
        Ok(libc::SIGINT) => Signal::CtrlAltDel,
        Ok(libc::SIGPWR) => Signal::Power,
        _ => Signal::Other(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_meaning() {
        assert_eq!(parse(17), Signal::Child);
        assert_eq!(parse(2), Signal::CtrlAltDel);
        assert_eq!(parse(30), Signal::Power);
        assert_eq!(parse(1), Signal::Other(1));
    }
}

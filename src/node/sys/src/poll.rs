//! Waiting for many file descriptors at once: epoll, level-triggered.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{Timespec, epoll};

use crate::error::{During, SysError};

/// Maximum number of events returned by one wait.
const BATCH: usize = 64;

/// What to wait for. Errors and hang-ups are always reported, as readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// There is something to read, or the other side has closed.
    Read,
    /// It can be written.
    Write,
    /// Either.
    Both,
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The number given to [`Poll::add`].
    pub token: u64,
    /// Readable, closed or failed: reading will not block.
    pub readable: bool,
    /// Writable or failed: writing will not block.
    pub writable: bool,
}

/// A set of descriptors. A closed descriptor leaves the set by itself.
#[derive(Debug)]
pub struct Poll {
    epoll: OwnedFd,
}

impl Poll {
    /// Creates an empty set.
    ///
    /// # Errors
    /// [`SysError`] if the kernel can't create another one.
    pub fn new() -> Result<Poll, SysError> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).during("making", "an epoll")?;
        Ok(Poll { epoll })
    }

    /// Adds a descriptor; its events are reported with `token`.
    ///
    /// # Errors
    /// [`SysError`] if it is already in the set or can't be polled.
    pub fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<(), SysError> {
        let data = epoll::EventData::new_u64(token);
        epoll::add(&self.epoll, fd, data, flags(interest)).during("waiting for", token)
    }

    /// Changes which events of a descriptor are reported.
    ///
    /// # Errors
    /// [`SysError`] if the descriptor is not in the set.
    pub fn change(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<(), SysError> {
        let data = epoll::EventData::new_u64(token);
        epoll::modify(&self.epoll, fd, data, flags(interest)).during("waiting for", token)
    }

    /// Removes a descriptor from the set; needed if a duplicate of it stays open elsewhere.
    ///
    /// # Errors
    /// [`SysError`] if the descriptor is not in the set.
    pub fn remove(&self, fd: impl AsFd) -> Result<(), SysError> {
        epoll::delete(&self.epoll, fd).during("no longer waiting for", "a descriptor")
    }

    /// Waits for at most `timeout_ms` (for ever if `None`) and returns the ready descriptors; none after a
    /// timeout or a signal.
    ///
    /// # Errors
    /// [`SysError`] if the kernel rejects the call; a signal or the timeout is not an error.
    pub fn wait(&self, timeout_ms: Option<u64>) -> Result<Vec<Ready>, SysError> {
        let timeout = timeout_ms.map(|ms| Timespec {
            tv_sec: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(ms % 1000 * 1_000_000).unwrap_or(0),
        });
        let mut space = [const { MaybeUninit::uninit() }; BATCH];
        match epoll::wait(&self.epoll, &mut space, timeout.as_ref()) {
            Ok((events, _)) => Ok(events.iter().map(|e| ready(e.data, e.flags)).collect()),
            Err(rustix::io::Errno::INTR) => Ok(Vec::new()),
            Err(e) => Err(e).during("waiting for", "events"),
        }
    }
}

fn flags(interest: Interest) -> epoll::EventFlags {
    match interest {
        Interest::Read => epoll::EventFlags::IN,
        Interest::Write => epoll::EventFlags::OUT,
        Interest::Both => epoll::EventFlags::IN | epoll::EventFlags::OUT,
    }
}

fn ready(data: epoll::EventData, flags: epoll::EventFlags) -> Ready {
    let over = epoll::EventFlags::ERR | epoll::EventFlags::HUP;
    Ready {
        token: data.u64(),
        readable: flags.intersects(epoll::EventFlags::IN | over),
        writable: flags.intersects(epoll::EventFlags::OUT | over),
    }
}

/// Makes a descriptor non-blocking.
///
/// # Errors
/// [`SysError`] if the kernel refuses.
pub fn set_nonblocking(fd: impl AsFd) -> Result<(), SysError> {
    rustix::io::ioctl_fionbio(fd, true).during("making non-blocking", "a descriptor")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn reports_the_token_of_what_is_readable() {
        let poll = Poll::new().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        poll.add(&reader, 7, Interest::Read).unwrap();
        assert_eq!(poll.wait(Some(0)).unwrap(), []);
        writer.write_all(b"x").unwrap();
        assert_eq!(poll.wait(None).unwrap(), [Ready { token: 7, readable: true, writable: false }]);
        poll.remove(&reader).unwrap();
        assert_eq!(poll.wait(Some(0)).unwrap(), []);
    }
}

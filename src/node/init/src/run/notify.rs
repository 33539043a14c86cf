//! Notifications of services: `READY=1`, accepted only from processes of the service's own cgroup.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use sys::{Interest, Poll, SysError};

use super::group;
use super::token::Token;

/// Notices taken in one turn: a flood of them must not starve the rest.
const BATCH: usize = 32;

/// The socket for notices.
#[derive(Debug)]
pub(super) struct Notices {
    socket: UnixDatagram,
}

impl Notices {
    /// Opens the socket.
    pub(super) fn open(poll: &Poll) -> Result<Notices, SysError> {
        let socket = sys::notify_socket(Path::new(control::NOTIFY_PATH))?;
        poll.add(&socket, Token::Notify.to_number(), Interest::Read)?;
        Ok(Notices { socket })
    }

    /// Takes pending notices; returns the services that are ready.
    pub(super) fn take_ready(&self) -> Vec<String> {
        let pending = std::iter::from_fn(|| sys::receive_notice(&self.socket)).take(BATCH);
        pending.filter(|(_, notice)| says_ready(notice)).filter_map(|(pid, _)| service_of(pid)).collect()
    }
}

/// Returns the service that a process belongs to. One that has ended since then has no group to read any more; it was
/// hardly ready.
fn service_of(pid: u32) -> Option<String> {
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    group::parse_service(&cgroup).map(str::to_owned)
}

/// Returns whether one of the lines is `READY=1`.
fn says_ready(notice: &[u8]) -> bool {
    notice.split(|b| *b == b'\n').any(|line| line == b"READY=1")
}

#[cfg(test)]
mod tests {
    use super::says_ready;

    #[test]
    fn ready_is_a_line_of_its_own() {
        assert!(says_ready(b"READY=1"));
        assert!(says_ready(b"STATUS=up\nREADY=1\n"));
        assert!(!says_ready(b"NOTREADY=1"));
        assert!(!says_ready(b"READY=10"));
        assert!(!says_ready(b""));
    }
}

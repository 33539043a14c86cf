//! Notifications of services: `READY=1`, accepted only from processes of the service's own cgroup.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use supervise::Event;
use sys::{Interest, Poll, SysError};

use super::token::Token;
use super::{Runner, group};

/// Notices taken in one turn: a flood of them must not starve the rest.
const BATCH: usize = 32;

/// Opens the socket for notices.
pub(super) fn open(poll: &Poll) -> Result<UnixDatagram, SysError> {
    let socket = sys::notify_socket(Path::new(control::NOTIFY_PATH))?;
    poll.add(&socket, Token::Notify.to_number(), Interest::Read)?;
    Ok(socket)
}

impl Runner<'_> {
    /// Takes pending notices.
    pub(super) fn on_notices(&mut self) {
        for _ in 0..BATCH {
            let Some((pid, notice)) = self.notify.as_ref().and_then(sys::receive_notice) else { return };
            if !says_ready(&notice) {
                continue;
            }
            // One that has ended since then has no group to read any more; it was hardly ready.
            let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            if let Some(service) = group::parse_service(&cgroup) {
                self.feed(Event::Notified { service: service.to_owned() });
            }
        }
    }
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

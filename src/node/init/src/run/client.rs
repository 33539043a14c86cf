//! One client of the control socket: its connection and the bounded buffers of both directions.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use control::{LogLine, MAX_LINE_BYTES, Reply};

/// Bytes that wait to be read by a client which follows a log.
const MAX_FOLLOW_BYTES: usize = 256 << 10;
/// Bytes taken from a client in one turn.
const TURN_BYTES: usize = 64 << 10;

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Name of the log that it follows, and lines that it has lost.
    follows: Option<(String, u64)>,
}

impl Client {
    /// Returns the client at the other end of `stream`, which does not wait.
    pub(super) const fn new(stream: UnixStream) -> Client {
        Client { stream, input: Vec::new(), output: Vec::new(), follows: None }
    }

    /// Makes it follow a log.
    pub(super) fn follow(&mut self, log: String) {
        self.follows = Some((log, 0));
    }

    /// Returns whether it follows the log.
    pub(super) fn follows(&self, log: &str) -> bool {
        self.follows.as_ref().is_some_and(|(name, _)| name == log)
    }

    /// Returns whether something waits to be sent.
    pub(super) const fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Returns what to wait on.
    pub(super) fn connection(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Reads what there is; returns the complete requests, or `None` when the connection is over.
    pub(super) fn read(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut buffer = vec![0; TURN_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(n) => self.input.extend_from_slice(buffer.get(..n)?),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return None,
        }
        let lines = take_lines(&mut self.input);
        (self.input.len() < MAX_LINE_BYTES).then_some(lines)
    }

    /// Sends what waits; false when the connection is over.
    pub(super) fn write(&mut self) -> bool {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(n) => drop(self.output.drain(..n.min(self.output.len()))),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        self.output = Vec::new();
        true
    }

    /// Adds a reply to what waits.
    pub(super) fn push(&mut self, reply: &Reply) {
        // Replies consist of texts and numbers, which JSON can always say.
        let mut line = serde_json::to_vec(reply).unwrap_or_default();
        line.push(b'\n');
        if line.len() <= MAX_LINE_BYTES {
            self.output.append(&mut line);
        }
    }

    /// Adds lines of a log, or counts them as lost if too much waits already.
    pub(super) fn push_lines(&mut self, lines: &[LogLine]) {
        let full = self.output.len() > MAX_FOLLOW_BYTES;
        let Some((_, lost)) = &mut self.follows else { return };
        if full {
            *lost += lines.len() as u64;
            return;
        }
        let missed = std::mem::take(lost);
        let told = (missed > 0).then(|| format!("… {missed} lines lost: this client reads too slowly"));
        let told = told.map(|text| LogLine { at_ms: sys::boot_ms(), text });
        self.push(&Reply::Logs { lines: told.into_iter().chain(lines.iter().cloned()).collect() });
    }
}

/// Takes the complete lines out of the input.
fn take_lines(input: &mut Vec<u8>) -> Vec<Vec<u8>> {
    let Some(end) = input.iter().rposition(|b| *b == b'\n') else { return Vec::new() };
    let rest = input.split_off(end + 1);
    let complete = std::mem::replace(input, rest);
    complete.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Client::new(ours), theirs)
    }

    #[test]
    fn only_complete_lines_are_taken() {
        let mut input = b"one\ntwo\nthr".to_vec();
        assert_eq!(take_lines(&mut input), [b"one\n", b"two\n"]);
        assert_eq!(input, b"thr");
        assert!(take_lines(&mut input).is_empty());
    }

    #[test]
    fn an_endless_request_ends_the_connection() {
        let (mut client, theirs) = client();
        client.input = vec![b'x'; MAX_LINE_BYTES - 1];
        (&theirs).write_all(b"xx").unwrap();
        assert_eq!(client.read(), None);
    }

    #[test]
    fn a_closed_connection_is_over() {
        let (mut client, theirs) = client();
        drop(theirs);
        assert_eq!(client.read(), None);
    }

    #[test]
    fn a_slow_follower_loses_lines_and_is_told() {
        let (mut client, _theirs) = client();
        client.follows = Some(("etcd".into(), 0));
        let line = LogLine { at_ms: 1, text: "x".repeat(1000) };
        (0..500).for_each(|_| client.push_lines(std::slice::from_ref(&line)));
        assert!(client.output.len() < MAX_FOLLOW_BYTES + 2000);
        client.output.clear();
        client.push_lines(&[line]);
        assert!(String::from_utf8_lossy(&client.output).contains("lines lost"));
    }
}

//! One client of the control socket: its connection and the bounded buffers of both directions.
//!
//! Nothing is read from a client while a request of it waits or while it has not read its answers, so what is held
//! for it has a bound: one request, and one answer more than [`MAX_OUTPUT_BYTES`].

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use control::{LogLine, MAX_LINE_BYTES, Reply};
use sys::Interest;

/// Bytes that wait to be read by a client before it gets no further answer and no further line of a log.
pub(super) const MAX_OUTPUT_BYTES: usize = 256 << 10;
/// Bytes taken from a client in one turn.
const TURN_BYTES: usize = 64 << 10;

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    /// Bytes of the input in which no line ends.
    searched: usize,
    output: Vec<u8>,
    /// The logs that it follows, and how many lines of each it has lost.
    follows: BTreeMap<String, u64>,
    /// The answer to its last request comes later.
    awaits: bool,
    /// When it sent its last request, or was accepted.
    asked_ms: u64,
}

impl Client {
    /// Returns the client at the other end of `stream`, which does not wait.
    pub(super) fn new(stream: UnixStream, now_ms: u64) -> Client {
        Client {
            stream,
            input: Vec::new(),
            searched: 0,
            output: Vec::new(),
            follows: BTreeMap::new(),
            awaits: false,
            asked_ms: now_ms,
        }
    }

    /// Makes it follow a log.
    pub(super) fn follow(&mut self, log: String) {
        self.follows.insert(log, 0);
    }

    /// Ends the following of a log.
    pub(super) fn unfollow(&mut self, log: &str) {
        self.follows.remove(log);
    }

    /// Returns whether it follows the log.
    pub(super) fn follows(&self, log: &str) -> bool {
        self.follows.contains_key(log)
    }

    /// Returns whether it follows any log.
    pub(super) fn is_follower(&self) -> bool {
        !self.follows.is_empty()
    }

    /// Returns when it sent its last request.
    pub(super) const fn asked_ms(&self) -> u64 {
        self.asked_ms
    }

    /// Returns how many bytes are held for it.
    pub(super) const fn bytes(&self) -> usize {
        self.input.len() + self.output.len()
    }

    /// Returns what to wait for, and on what.
    pub(super) fn interest(&self) -> (BorrowedFd<'_>, Interest) {
        let interest = match self.output.len() {
            0 => Interest::Read,
            1..=MAX_OUTPUT_BYTES => Interest::Both,
            _ => Interest::Write,
        };
        (self.stream.as_fd(), interest)
    }

    /// Reads what there is, unless a request waits already; false when the connection is over.
    pub(super) fn read(&mut self) -> bool {
        if self.line_end().is_some() || self.output.len() > MAX_OUTPUT_BYTES {
            return true;
        }
        let mut buffer = vec![0; TURN_BYTES];
        match self.stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(n) => self.input.extend(buffer.iter().take(n)),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
        self.line_end().is_some() || self.input.len() < MAX_LINE_BYTES
    }

    /// Notes whether the answer to its last request comes later: until then no other is taken.
    pub(super) const fn set_awaits(&mut self, awaits: bool) {
        self.awaits = awaits;
    }

    /// Returns whether a complete request waits and the client has read enough to get its answer.
    pub(super) fn has_request(&mut self) -> bool {
        !self.awaits && self.output.len() <= MAX_OUTPUT_BYTES && self.line_end().is_some()
    }

    /// Takes the next request, a line.
    pub(super) fn next_request(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        let end = self.line_end().filter(|_| !self.awaits && self.output.len() <= MAX_OUTPUT_BYTES)?;
        let rest = self.input.split_off(end + 1);
        self.searched = 0;
        self.asked_ms = now_ms;
        Some(std::mem::replace(&mut self.input, rest))
    }

    /// Returns where the first line of the input ends.
    fn line_end(&mut self) -> Option<usize> {
        let found = self.input.iter().skip(self.searched).position(|b| *b == b'\n');
        match found {
            Some(at) => Some(self.searched + at),
            None => {
                self.searched = self.input.len();
                None
            }
        }
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
        if line.len() > MAX_LINE_BYTES {
            let message = format!("the answer is longer than {MAX_LINE_BYTES} bytes");
            return self.push(&Reply::Error { message });
        }
        self.output.append(&mut line);
    }

    /// Adds new lines of a log, if it follows that, or counts them as lost if too much waits already.
    pub(super) fn push_lines(&mut self, log: &str, lines: &[LogLine]) {
        let full = self.output.len() > MAX_OUTPUT_BYTES;
        let Some(lost) = self.follows.get_mut(log) else { return };
        if full {
            *lost = lost.saturating_add(lines.len() as u64);
            return;
        }
        let missed = std::mem::take(lost);
        let told = (missed > 0).then(|| format!("… {missed} lines lost: this client reads too slowly"));
        let told = told.map(|text| LogLine { at_ms: sys::boot_ms(), text });
        let lines = told.into_iter().chain(lines.iter().cloned()).collect();
        self.push(&Reply::Followed { service: log.to_owned(), lines });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Client::new(ours, 0), theirs)
    }

    #[test]
    fn only_complete_lines_are_taken_one_by_one() {
        let (mut client, theirs) = client();
        (&theirs).write_all(b"one\ntwo\nthr").unwrap();
        assert!(client.read() && client.has_request());
        assert_eq!(client.next_request(5), Some(b"one\n".to_vec()));
        assert_eq!(client.next_request(5), Some(b"two\n".to_vec()));
        assert_eq!(client.next_request(5), None);
        (&theirs).write_all(b"ee\n").unwrap();
        assert!(client.read());
        assert_eq!((client.next_request(6), client.asked_ms()), (Some(b"three\n".to_vec()), 6));
    }

    #[test]
    fn an_endless_request_ends_the_connection() {
        let (mut client, theirs) = client();
        client.input = vec![b'x'; MAX_LINE_BYTES - 1];
        (&theirs).write_all(b"xx").unwrap();
        assert!(!client.read());
    }

    #[test]
    fn a_closed_connection_is_over() {
        let (mut client, theirs) = client();
        drop(theirs);
        assert!(!client.read());
    }

    #[test]
    fn a_slow_follower_loses_lines_and_is_told() {
        let (mut client, _theirs) = client();
        client.follow("etcd".into());
        let line = LogLine { at_ms: 1, text: "x".repeat(1000) };
        (0..500).for_each(|_| client.push_lines("etcd", std::slice::from_ref(&line)));
        assert!(client.output.len() < MAX_OUTPUT_BYTES + 2000);
        client.output.clear();
        client.push_lines("etcd", std::slice::from_ref(&line));
        assert!(String::from_utf8_lossy(&client.output).contains("lines lost"));
        client.output.clear();
        client.push_lines("kubelet", std::slice::from_ref(&line));
        client.unfollow("etcd");
        client.push_lines("etcd", &[line]);
        assert!(client.output.is_empty());
    }

    #[test]
    fn nothing_is_read_or_answered_for_one_who_does_not_read() {
        let (mut client, theirs) = client();
        (&theirs).write_all(b"one\ntwo\n").unwrap();
        assert!(client.read());
        assert!(client.next_request(0).is_some());
        let message = "x".repeat(MAX_OUTPUT_BYTES);
        client.push(&Reply::Error { message });
        assert_eq!((client.next_request(0), client.interest().1), (None, Interest::Write));
        (&theirs).write_all(&[b'x'; 1000]).unwrap();
        let held = client.bytes();
        assert!(client.read());
        assert_eq!(client.bytes(), held, "a client that does not read is not read from");
    }
}

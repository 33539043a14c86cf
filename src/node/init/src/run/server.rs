//! The control socket: non-blocking, few clients, bounded buffers.
//!
//! A client that sends nonsense, sends too much or does not read loses its connection; one that follows a
//! log and reads too slowly loses lines and is told how many.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

use anyhow::Context;
use control::{LogLine, MAX_LINE_BYTES, Reply, Request, SOCKET_PATH};
use sys::{Interest, Poll, Ready};

use super::Runner;
use super::token::Token;

/// Clients at the same time.
const MAX_CLIENTS: usize = 16;
/// Bytes that wait to be read by a client which follows a log.
const MAX_FOLLOW_BYTES: usize = 256 << 10;
/// Bytes taken from a client in one turn.
const TURN_BYTES: usize = 64 << 10;

/// The socket and its clients.
#[derive(Debug)]
pub(super) struct Server {
    listener: UnixListener,
    clients: BTreeMap<u32, Client>,
    next_id: u32,
}

/// A connection.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Name of the log that it follows, and lines that it has lost.
    follows: Option<(String, u64)>,
}

impl Server {
    /// Opens the socket, which only root can connect to.
    pub(super) fn open(poll: &Poll) -> anyhow::Result<Server> {
        drop(std::fs::remove_file(SOCKET_PATH));
        let listener =
            UnixListener::bind(SOCKET_PATH).with_context(|| format!("listening on {SOCKET_PATH}"))?;
        std::fs::set_permissions(SOCKET_PATH, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        poll.add(&listener, Token::Accept.to_number(), Interest::Read)?;
        Ok(Server { listener, clients: BTreeMap::new(), next_id: 0 })
    }

    /// Takes a new client; one too many is closed at once.
    fn accept(&mut self, poll: &Poll) -> anyhow::Result<()> {
        let (stream, _) = self.listener.accept()?;
        if self.clients.len() >= MAX_CLIENTS {
            anyhow::bail!("control socket has {MAX_CLIENTS} clients, refusing one more");
        }
        stream.set_nonblocking(true)?;
        self.next_id = self.next_id.wrapping_add(1);
        poll.add(&stream, Token::Client(self.next_id).to_number(), Interest::Read)?;
        let client = Client { stream, input: Vec::new(), output: Vec::new(), follows: None };
        self.clients.insert(self.next_id, client);
        Ok(())
    }
}

impl Client {
    /// Reads what there is; returns the complete requests, or `None` when the connection is over.
    fn read(&mut self) -> Option<Vec<Vec<u8>>> {
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
    fn write(&mut self) -> bool {
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
    fn push(&mut self, reply: &Reply) {
        // Replies consist of texts and numbers, which JSON can always say.
        let mut line = serde_json::to_vec(reply).unwrap_or_default();
        line.push(b'\n');
        if line.len() <= MAX_LINE_BYTES {
            self.output.append(&mut line);
        }
    }

    /// Adds lines of a log, or counts them as lost if too much waits already.
    fn push_lines(&mut self, lines: &[LogLine]) {
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

impl Runner<'_> {
    /// Takes a new client.
    pub(super) fn on_accept(&mut self) {
        let Some(server) = &mut self.server else { return };
        let accepted = server.accept(&self.poll);
        self.said(accepted);
    }

    /// Reads a client's requests and answers them.
    pub(super) fn on_client(&mut self, id: u32, ready: Ready) {
        let Some(client) = self.client(id) else { return };
        let requests = if ready.readable { client.read() } else { Some(Vec::new()) };
        let Some(requests) = requests else { return self.drop_client(id) };
        for line in requests {
            let reply = match serde_json::from_slice::<Request>(&line) {
                Ok(request) => self.answer(id, request),
                Err(e) => Reply::Error { message: format!("malformed request: {e}") },
            };
            if let Some(client) = self.client(id) {
                client.push(&reply);
            }
        }
        self.send(id);
    }

    /// Makes a client follow a log.
    pub(super) fn follow(&mut self, id: u32, service: String) {
        if let Some(client) = self.client(id) {
            client.follows = Some((service, 0));
        }
    }

    /// Sends new lines to the clients that follow the log.
    pub(super) fn show_followers(&mut self, service: &str, lines: &[LogLine]) {
        let Some(server) = self.server.as_mut().filter(|_| !lines.is_empty()) else { return };
        let followers: Vec<u32> = server
            .clients
            .iter()
            .filter(|(_, c)| c.follows.as_ref().is_some_and(|(name, _)| name == service))
            .map(|(id, _)| *id)
            .collect();
        for id in followers {
            if let Some(client) = self.client(id) {
                client.push_lines(lines);
            }
            self.send(id);
        }
    }

    /// Returns whether a client follows the log.
    pub(super) fn is_followed(&self, service: &str) -> bool {
        let clients = self.server.iter().flat_map(|s| s.clients.values());
        clients.filter_map(|c| c.follows.as_ref()).any(|(name, _)| name == service)
    }

    fn client(&mut self, id: u32) -> Option<&mut Client> {
        self.server.as_mut()?.clients.get_mut(&id)
    }

    fn drop_client(&mut self, id: u32) {
        if let Some(server) = &mut self.server {
            server.clients.remove(&id);
        }
        self.rest_kernel_log();
    }

    /// Sends what waits for a client and, if something stays, waits until it can be sent.
    fn send(&mut self, id: u32) {
        let Some(client) = self.server.as_mut().and_then(|s| s.clients.get_mut(&id)) else { return };
        let alive = client.write();
        let interest = if client.output.is_empty() { Interest::Read } else { Interest::Both };
        let waits = self.poll.change(&client.stream, Token::Client(id).to_number(), interest);
        if !alive || waits.is_err() {
            self.drop_client(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let client = Client { stream: ours, input: Vec::new(), output: Vec::new(), follows: None };
        (client, theirs)
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

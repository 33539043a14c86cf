//! The control socket: non-blocking, few clients, bounded buffers.
//!
//! A client that sends nonsense, sends too much or does not read loses its connection; one that follows a
//! log and reads too slowly loses lines and is told how many.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use anyhow::Context;
use control::{LogLine, Reply, Request, SOCKET_PATH};
use sys::{Interest, Poll, Ready};

use super::client::Client;
use super::token::Token;

/// Clients at the same time.
const MAX_CLIENTS: usize = 16;

/// The socket and its clients.
#[derive(Debug)]
pub(super) struct Server {
    listener: UnixListener,
    clients: BTreeMap<u32, Client>,
    next_id: u32,
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
    pub(super) fn accept(&mut self, poll: &Poll) -> anyhow::Result<()> {
        let (stream, _) = self.listener.accept()?;
        if self.clients.len() >= MAX_CLIENTS {
            anyhow::bail!("control socket has {MAX_CLIENTS} clients, refusing one more");
        }
        stream.set_nonblocking(true)?;
        self.next_id = self.next_id.wrapping_add(1);
        poll.add(&stream, Token::Client(self.next_id).to_number(), Interest::Read)?;
        self.clients.insert(self.next_id, Client::new(stream));
        Ok(())
    }

    /// Reads what a client has sent; returns its requests, or what is wrong with one that is none. A connection that is
    /// over is dropped.
    pub(super) fn receive(&mut self, id: u32, ready: Ready) -> Vec<Result<Request, String>> {
        let Some(client) = self.clients.get_mut(&id).filter(|_| ready.readable) else { return Vec::new() };
        let Some(lines) = client.read() else {
            self.clients.remove(&id);
            return Vec::new();
        };
        lines.iter().map(|line| parse(line)).collect()
    }

    /// Adds a reply to what waits for a client.
    pub(super) fn push(&mut self, id: u32, reply: &Reply) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.push(reply);
        }
    }

    /// Makes a client follow a log.
    pub(super) fn follow(&mut self, id: u32, log: String) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.follow(log);
        }
    }

    /// Sends new lines to the clients that follow the log.
    pub(super) fn show(&mut self, log: &str, lines: &[LogLine], poll: &Poll) {
        if lines.is_empty() {
            return;
        }
        let followers = self.clients.iter().filter(|(_, c)| c.follows(log)).map(|(id, _)| *id);
        for id in followers.collect::<Vec<u32>>() {
            if let Some(client) = self.clients.get_mut(&id) {
                client.push_lines(lines);
            }
            self.send(id, poll);
        }
    }

    /// Returns whether a client follows the log.
    pub(super) fn is_followed(&self, log: &str) -> bool {
        self.clients.values().any(|c| c.follows(log))
    }

    /// Sends what waits for a client and, if something stays, waits until it can be sent.
    pub(super) fn send(&mut self, id: u32, poll: &Poll) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let alive = client.write();
        let interest = if client.has_output() { Interest::Both } else { Interest::Read };
        let waits = poll.change(client.connection(), Token::Client(id).to_number(), interest);
        if !alive || waits.is_err() {
            self.clients.remove(&id);
        }
    }
}

/// Parses a request; the error is one line.
fn parse(line: &[u8]) -> Result<Request, String> {
    serde_json::from_slice(line).map_err(|e| format!("malformed request: {e}"))
}

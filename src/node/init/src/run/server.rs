//! The control socket: non-blocking, few clients, bounded buffers.
//!
//! A client that sends nonsense is told so; one that sends too much loses its connection; one that does not read gets
//! no further answers; one that follows a log and reads too slowly loses lines and is told how many.
//!
//! Nobody is refused because of the others: when there are too many connections, the one whose last request is
//! longest ago is closed, and connections that follow logs are a class of their own with fewer places. So a report or
//! an order of `noded` always gets in.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::Context;
use control::{LogLine, Reply, Request};
use sys::{Interest, Poll, Ready};

use super::client::Client;
use super::token::Token;

/// Clients at the same time.
const MAX_CLIENTS: usize = 24;
/// Clients of these that follow logs. `noded` needs one for all its followers.
const MAX_FOLLOWERS: usize = 8;
/// Bytes held for all clients together.
const MAX_BYTES: usize = 16 << 20;
/// Requests of one client that are answered in one turn: others get theirs in between.
const TURN_REQUESTS: usize = 16;
/// Milliseconds between two complaints about clients.
const COMPLAINT_MS: u64 = 60_000;

/// The socket and its clients.
#[derive(Debug)]
pub(super) struct Server {
    listener: UnixListener,
    clients: BTreeMap<u32, Client>,
    next_id: u32,
    complained_ms: Option<u64>,
}

impl Server {
    /// Opens the socket at `path`, which only root can connect to.
    pub(super) fn open(path: &Path, poll: &Poll) -> anyhow::Result<Server> {
        drop(std::fs::remove_file(path));
        let listener =
            UnixListener::bind(path).with_context(|| format!("listening on {}", path.display()))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        poll.add(&listener, Token::Accept.to_number(), Interest::Read)?;
        Ok(Server { listener, clients: BTreeMap::new(), next_id: 0, complained_ms: None })
    }

    /// Takes a new client; when there are too many, another one goes.
    ///
    /// # Errors
    /// Why there is none, or that another one went. Not told more than once a minute.
    pub(super) fn accept(&mut self, poll: &Poll) -> anyhow::Result<()> {
        let accepted = self.try_accept(poll);
        let room = self.make_room();
        self.complain(accepted.and(room))
    }

    fn try_accept(&mut self, poll: &Poll) -> anyhow::Result<()> {
        let accepted = self.listener.accept();
        if accepted.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock) {
            return Ok(());
        }
        if accepted.is_err() {
            // As a rule no descriptor is left; the socket would stay readable and the loop busy.
            self.remove_idle();
        }
        let (stream, _) = accepted.context("accepting a client of the control socket")?;
        stream.set_nonblocking(true)?;
        self.next_id = self.next_id.wrapping_add(1);
        poll.add(&stream, Token::Client(self.next_id).to_number(), Interest::Read)?;
        self.clients.insert(self.next_id, Client::new(stream, sys::boot_ms()));
        Ok(())
    }

    /// Closes connections until there are few enough, and few enough bytes are held for them.
    fn make_room(&mut self) -> anyhow::Result<()> {
        let mut result = Ok(());
        while self.clients.len() > MAX_CLIENTS {
            self.remove_idle();
            let text = format!("control socket has more than {MAX_CLIENTS} clients: the idlest one is gone");
            result = Err(anyhow::Error::msg(text));
        }
        while self.clients.values().map(Client::bytes).sum::<usize>() > MAX_BYTES {
            let largest = self.clients.iter().max_by_key(|(_, c)| c.bytes()).map(|(id, _)| *id);
            let Some(id) = largest else { break };
            self.clients.remove(&id);
            let text =
                format!("control socket holds more than {MAX_BYTES} bytes: the largest client is gone");
            result = Err(anyhow::Error::msg(text));
        }
        result
    }

    /// Closes the connection whose last request is longest ago; one that follows logs only if there is no other.
    fn remove_idle(&mut self) {
        let idlest = self.clients.iter().min_by_key(|(id, c)| (c.is_follower(), c.asked_ms(), **id));
        if let Some(id) = idlest.map(|(id, _)| *id) {
            self.clients.remove(&id);
        }
    }

    /// Returns an error only once in a while: a client must not fill the log.
    fn complain(&mut self, result: anyhow::Result<()>) -> anyhow::Result<()> {
        let now = sys::boot_ms();
        let quiet = self.complained_ms.is_some_and(|at| now < at + COMPLAINT_MS);
        if result.is_err() && !quiet {
            self.complained_ms = Some(now);
            return result;
        }
        Ok(())
    }

    /// Reads what a client has sent, and sends it what waits. A connection that is over is dropped.
    ///
    /// # Errors
    /// That clients have sent too much, and one went.
    pub(super) fn exchange(&mut self, id: u32, ready: Ready, poll: &Poll) -> anyhow::Result<()> {
        if let Some(client) = self.clients.get_mut(&id).filter(|_| ready.readable)
            && !client.read()
        {
            self.clients.remove(&id);
        }
        self.send(id, poll);
        let room = self.make_room();
        self.complain(room)
    }

    /// Returns the clients of which a request waits.
    pub(super) fn asking(&mut self) -> Vec<u32> {
        self.clients.iter_mut().filter_map(|(id, client)| client.has_request().then_some(*id)).collect()
    }

    /// Takes the requests of a client that are answered in this turn, or what is wrong with one that is none. The
    /// answer to each is due before the next is taken.
    pub(super) fn next_request(&mut self, id: u32) -> Option<Result<Request, String>> {
        let line = self.clients.get_mut(&id)?.next_request(sys::boot_ms())?;
        Some(serde_json::from_slice(&line).map_err(|e| format!("malformed request: {e}")))
    }

    /// Returns how many requests of one client are answered in one turn.
    pub(super) const fn turn() -> std::ops::Range<usize> {
        0..TURN_REQUESTS
    }

    /// Adds a reply to what waits for a client.
    pub(super) fn push(&mut self, id: u32, reply: &Reply) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.push(reply);
        }
    }

    /// Notes that the answer to a client's last request comes later, by [`Server::push_late`].
    pub(super) fn set_awaits(&mut self, id: u32) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.set_awaits(true);
        }
    }

    /// Sends the answer that a client waits for.
    pub(super) fn push_late(&mut self, id: u32, reply: &Reply, poll: &Poll) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.set_awaits(false);
            client.push(reply);
        }
        self.send(id, poll);
    }

    /// Makes a client follow a log.
    ///
    /// # Errors
    /// One line, if too many connections follow logs.
    pub(super) fn follow(&mut self, id: u32, log: &str) -> Result<(), String> {
        let followers = self.clients.iter().filter(|(other, c)| **other != id && c.is_follower());
        if followers.count() >= MAX_FOLLOWERS {
            return Err(format!("{MAX_FOLLOWERS} connections follow logs, expected no more"));
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.follow(log.to_owned());
        }
        Ok(())
    }

    /// Ends the following of a log by a client.
    pub(super) fn unfollow(&mut self, id: u32, log: &str) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.unfollow(log);
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
                client.push_lines(log, lines);
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
        let (connection, interest) = client.interest();
        let waits = poll.change(connection, Token::Client(id).to_number(), interest);
        if !alive || waits.is_err() {
            self.clients.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Write};
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    /// A server that answers everything with yes, and prints lines into the log `etcd` all the time.
    struct World {
        path: PathBuf,
        over: Arc<AtomicBool>,
        thread: Option<thread::JoinHandle<Server>>,
    }

    impl World {
        fn new(name: &str) -> World {
            let path = std::env::temp_dir().join(format!("init-server-{name}-{}", std::process::id()));
            let poll = Poll::new().unwrap();
            let mut server = Server::open(&path, &poll).unwrap();
            let over = Arc::new(AtomicBool::new(false));
            let ends = Arc::clone(&over);
            let thread = thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    turn(&mut server, &poll);
                }
                server
            });
            World { path, over, thread: Some(thread) }
        }

        fn connect(&self) -> UnixStream {
            UnixStream::connect(&self.path).unwrap()
        }

        /// Ends the loop and returns the server.
        fn end(mut self) -> Server {
            self.over.store(true, Ordering::Relaxed);
            drop(std::fs::remove_file(&self.path));
            self.thread.take().unwrap().join().unwrap()
        }
    }

    /// One turn of the loop, as the runner does it.
    fn turn(server: &mut Server, poll: &Poll) {
        let line = LogLine { at_ms: 1, text: "x".repeat(1000) };
        server.show("etcd", &vec![line; 10], poll);
        for ready in poll.wait(Some(1)).unwrap() {
            match Token::parse(ready.token) {
                Some(Token::Accept) => drop(server.accept(poll)),
                Some(Token::Client(id)) => drop(server.exchange(id, ready, poll)),
                other => panic!("{other:?}"),
            }
        }
        for id in server.asking() {
            for _ in Server::turn() {
                let Some(request) = server.next_request(id) else { break };
                let reply = match request {
                    Ok(Request::Logs { service, .. }) => match server.follow(id, &service) {
                        Ok(()) => Reply::Logs { lines: Vec::new() },
                        Err(message) => Reply::Error { message },
                    },
                    Ok(_) => Reply::Ok,
                    Err(message) => Reply::Error { message },
                };
                server.push(id, &reply);
            }
            server.send(id, poll);
        }
    }

    fn ask(stream: &UnixStream, request: &Request) -> Reply {
        control::write_message(stream, request).unwrap();
        control::read_message(&mut BufReader::new(stream)).unwrap().unwrap()
    }

    fn health() -> Request {
        Request::Health { problem: None, deadline_secs: None }
    }

    fn follow() -> Request {
        Request::Logs { service: "etcd".into(), lines: 10, follow: true }
    }

    #[test]
    fn followers_that_never_read_keep_no_report_out() {
        let world = World::new("followers");
        let followers: Vec<UnixStream> = (0..40)
            .map(|_| {
                let stream = world.connect();
                control::write_message(&stream, &follow()).unwrap();
                stream
            })
            .collect();
        for _ in 0..100 {
            assert_eq!(ask(&world.connect(), &health()), Reply::Ok);
        }
        let server = world.end();
        assert!(server.clients.len() <= MAX_CLIENTS);
        assert_eq!(server.clients.values().filter(|c| c.is_follower()).count(), MAX_FOLLOWERS);
        assert!(server.clients.values().map(Client::bytes).sum::<usize>() <= MAX_BYTES);
        drop(followers);
    }

    #[test]
    fn connections_that_stand_idle_make_room() {
        let world = World::new("idle");
        let idle: Vec<UnixStream> = (0..400).map(|_| world.connect()).collect();
        assert_eq!(ask(&world.connect(), &health()), Reply::Ok);
        let server = world.end();
        assert!(server.clients.len() <= MAX_CLIENTS);
        drop(idle);
    }

    #[test]
    fn one_who_asks_without_reading_does_not_grow() {
        let world = World::new("greedy");
        let greedy = world.connect();
        greedy.set_nonblocking(true).unwrap();
        let requests = b"{\"request\":\"nonsense\"}\n".repeat(1000);
        // Until nothing more is taken from it.
        let mut refused = 0;
        while refused < 100 {
            match (&greedy).write(&requests) {
                Ok(n) => refused = usize::from(n == 0),
                Err(_) => {
                    refused += 1;
                    assert_eq!(ask(&world.connect(), &health()), Reply::Ok);
                }
            }
        }
        let server = world.end();
        let largest = server.clients.values().map(Client::bytes).max().unwrap_or(0);
        assert!(largest < MAX_OUTPUT_BYTES + (256 << 10), "{largest}");
        drop(greedy);
    }

    use super::super::client::MAX_OUTPUT_BYTES;

    #[test]
    fn all_clients_together_have_a_bound() {
        let path = std::env::temp_dir().join(format!("init-server-bytes-{}", std::process::id()));
        let poll = Poll::new().unwrap();
        let mut server = Server::open(&path, &poll).unwrap();
        let clients: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(&path).unwrap()).collect();
        (0..8).for_each(|_| server.accept(&poll).unwrap());
        let message = "x".repeat(3 << 20);
        (1..=8).for_each(|id| server.push(id, &Reply::Error { message: message.clone() }));
        assert!(server.make_room().is_err());
        assert_eq!(server.clients.len(), 5);
        assert!(server.clients.values().map(Client::bytes).sum::<usize>() <= MAX_BYTES);
        std::fs::remove_file(&path).unwrap();
        drop(clients);
    }
}

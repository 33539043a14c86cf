//! Followed logs: one connection to `init` for all who follow any log.
//!
//! `init` has few places for connections, and its reports and orders need them. So one thread takes the new lines of
//! all followed logs from one connection and hands each portion to those who follow that log. It never waits for one
//! of them: who reads too slowly loses lines and is told how many. The connection is closed when nobody is left.

mod audience;

use std::io::BufReader;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::body::Bytes;
use control::{Reply, Request, read_message, write_message};
use tokio::sync::mpsc::Receiver;

use crate::init::Init;
use crate::thread;
use audience::Audience;

/// Between two empty lines, which tell either side when the other is gone.
const QUIET: Duration = Duration::from_secs(15);

/// All followers and the connection. Clones share them.
#[derive(Clone, Debug)]
pub struct Followers {
    init: Init,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// There is one while there are followers.
    connection: Option<UnixStream>,
    audience: Audience,
}

impl Followers {
    /// Nobody follows a log of this `init` yet.
    pub fn of(init: Init) -> Followers {
        Followers { init, state: Arc::default() }
    }

    /// Follows a log: the last `lines` lines, then new ones, as lines of JSON; now and then an empty line. `None` if
    /// there are too many followers. The log ends when `init` has none of that name. Blocks, but not for lines.
    ///
    /// # Errors
    /// If `init` can't be asked, or there can be no thread.
    pub fn follow(&self, service: &str, lines: u32) -> Result<Option<Receiver<Bytes>>> {
        let mut state = self.lock();
        let Some(receiver) = state.audience.join(service) else { return Ok(None) };
        if let Err(e) = self.ask(&mut state, &follow(service, lines)) {
            state.end();
            return Err(e);
        }
        Ok(Some(receiver))
    }

    /// Sends a request, over a new connection if there is none.
    fn ask(&self, state: &mut State, request: &Request) -> Result<()> {
        let connection = match &state.connection {
            Some(connection) => connection,
            None => {
                let connection = self.init.connect()?;
                let reader = connection.try_clone().context("following logs")?;
                let followers = self.clone();
                thread::spawn("logs", move || followers.run(&reader))?;
                state.connection.insert(connection)
            }
        };
        Ok(write_message(connection, request)?)
    }

    /// Hands on what comes, until nobody is left or the connection ends.
    fn run(&self, connection: &UnixStream) {
        let mut from = BufReader::new(connection);
        let mut told = Instant::now();
        loop {
            let taken = self.take(connection, &mut from, QUIET.saturating_sub(told.elapsed()));
            let mut state = self.lock();
            if let Err(e) = taken {
                // The heads of the answers are gone; a body that ends is all that the clients can be told.
                eprintln!("noded: following logs: {e:#}");
                return state.end();
            }
            if told.elapsed() >= QUIET {
                told = Instant::now();
                state.audience.keep_alive();
            }
            let left = state.audience.take_left();
            let nobody = state.audience.is_empty();
            let asked =
                left.into_iter().try_for_each(|service| self.ask(&mut state, &Request::Unfollow { service }));
            if nobody || asked.is_err() {
                return state.end();
            }
        }
    }

    /// Takes the next reply, if one comes in time.
    fn take(
        &self,
        connection: &UnixStream,
        from: &mut BufReader<&UnixStream>,
        longest: Duration,
    ) -> Result<()> {
        if !wait_readable(connection, from, longest)? {
            return Ok(());
        }
        let reply = read_message(from)?.context("init closed the connection")?;
        let mut state = self.lock();
        match reply {
            Reply::Logs { lines } => state.audience.begin(lines),
            Reply::Followed { service, lines } => state.audience.show(&service, lines),
            Reply::Error { message } => {
                eprintln!("noded: following a log: {message}");
                state.audience.refuse();
            }
            // The answer to the end of a following.
            _ => {}
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Closes the connection and sends everybody away.
    fn end(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Its reader may wait on it; one that is closed already needs no closing.
            let _ = connection.shutdown(Shutdown::Both);
        }
        self.audience.clear();
    }
}

fn follow(service: &str, lines: u32) -> Request {
    Request::Logs { service: service.to_owned(), lines, follow: true }
}

/// Writes lines as JSON, one a line; none at all as an empty line.
pub fn json_lines(lines: Vec<control::LogLine>) -> Vec<u8> {
    let mut text = Vec::new();
    for line in lines {
        let line = api::LogLine { at_ms: line.at_ms, text: line.text };
        serde_json::to_writer(&mut text, &line).expect("numbers and text are JSON");
        text.push(b'\n');
    }
    if text.is_empty() {
        text.push(b'\n');
    }
    text
}

/// Waits at most `longest` until something can be read; a peek, so that no message is cut in two.
fn wait_readable(stream: &UnixStream, from: &BufReader<&UnixStream>, longest: Duration) -> Result<bool> {
    if !from.buffer().is_empty() {
        return Ok(true);
    }
    let mut watched = [rustix::event::PollFd::new(stream, rustix::event::PollFlags::IN)];
    let longest = rustix::time::Timespec::try_from(longest).context("waiting for log lines")?;
    match rustix::event::poll(&mut watched, Some(&longest)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(e).context("waiting for log lines"),
    }
}

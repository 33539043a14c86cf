//! Probes in progress: connections being established, commands running. Nothing ever blocks on one.

mod http;

use std::io::{Read, Write};
use std::net::TcpStream;

use control::{Probe, ServiceSpec};
use supervise::{Event, ProbeKind};
use sys::{Cgroup, Exit, Interest, Poll};

use super::token::Token;
use super::{group, launch};

/// Whose question it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) service: String,
    pub(super) run: u64,
    pub(super) kind: ProbeKind,
}

impl Asked {
    /// Returns the answer as an event.
    fn answer(&self, yes: bool) -> Event {
        Event::Probed { service: self.service.clone(), run: self.run, kind: self.kind, yes }
    }
}

/// A probe that is to be sent out.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) asked: Asked,
    pub(super) probe: Probe,
    /// After this time the answer is no; `None` waits for as long as it takes.
    pub(super) timeout_ms: Option<u64>,
}

/// What is waited for.
#[derive(Debug)]
enum Way {
    /// A connection; the request of an HTTP probe that is still to be sent.
    Connecting(TcpStream, Option<Vec<u8>>),
    /// An answer of an HTTP server, and what has come of it.
    Answering(TcpStream, Vec<u8>),
    /// A command.
    Command(u32),
}

#[derive(Debug)]
struct Out {
    id: u32,
    asked: Asked,
    way: Way,
    until: Option<u64>,
}

/// All probes that are out.
#[derive(Debug, Default)]
pub(super) struct Probes {
    out: Vec<Out>,
    next_id: u32,
}

impl Probes {
    /// Returns when the first one has had its time.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.out.iter().filter_map(|o| o.until).min()
    }

    /// Ends those that have had their time: the answer is no.
    pub(super) fn expire(&mut self, now: u64) -> Vec<Event> {
        let over = self.remove(|o| o.until.is_some_and(|at| at <= now));
        over.iter().map(|o| o.asked.answer(false)).collect()
    }

    /// Forgets those of a service.
    pub(super) fn stop(&mut self, service: &str) {
        self.remove(|o| o.asked.service == service);
    }

    /// Returns the answer of the command with this number, if it is a probe's.
    pub(super) fn exited(&mut self, pid: u32, exit: Exit) -> Option<Event> {
        let at = self.out.iter().position(|o| matches!(o.way, Way::Command(p) if p == pid))?;
        Some(self.out.swap_remove(at).asked.answer(exit == Exit::Code(0)))
    }

    /// Takes out what fits, closing connections and killing commands.
    fn remove(&mut self, fits: impl Fn(&Out) -> bool) -> Vec<Out> {
        let (gone, stay) = std::mem::take(&mut self.out).into_iter().partition(|o| fits(o));
        self.out = stay;
        let gone: Vec<Out> = gone;
        for o in &gone {
            if let Way::Command(pid) = o.way {
                // One that has ended in the meantime is about to be reaped.
                drop(sys::kill(pid, 9));
            }
        }
        gone
    }

    /// Begins to connect; `request` is sent when that has worked.
    fn connect(&mut self, port: u16, request: Option<Vec<u8>>, poll: &Poll) -> anyhow::Result<(u32, Way)> {
        let stream = sys::connect_loopback(port)?;
        self.next_id = self.next_id.wrapping_add(1);
        poll.add(&stream, Token::Probe(self.next_id).to_number(), Interest::Write)?;
        Ok((self.next_id, Way::Connecting(stream, request)))
    }

    /// Sends a probe out; returns the answer if it has one at once. `spec` is its service's.
    pub(super) fn begin(
        &mut self,
        question: Question,
        spec: Option<&ServiceSpec>,
        poll: &Poll,
    ) -> Option<Event> {
        let Question { asked, probe, timeout_ms } = question;
        let begun = match &probe {
            Probe::File(path) => return Some(asked.answer(path.exists())),
            // Not questions; the supervisor never asks them.
            Probe::Exit | Probe::Notify => return Some(asked.answer(false)),
            Probe::Tcp { port } => self.connect(*port, None, poll),
            Probe::Http { port, path } => self.connect(*port, Some(http::request(path)), poll),
            Probe::Exec(command) => start_command(spec, command),
        };
        match begun {
            Ok((id, way)) => {
                let until = timeout_ms.map(|ms| sys::boot_ms() + ms);
                self.out.push(Out { id, asked, way, until });
                None
            }
            // Nobody listens, or the command cannot start: no, for now.
            Err(_) => Some(asked.answer(false)),
        }
    }

    /// Goes on with a connection that has something to say; returns the answer once there is one.
    pub(super) fn go_on(&mut self, id: u32, poll: &Poll) -> Option<Event> {
        let at = self.out.iter().position(|o| o.id == id)?;
        let Out { asked, way, until, .. } = self.out.swap_remove(at);
        match next_step(way, (poll, id)) {
            Ok(way) => {
                self.out.push(Out { id, asked, way, until });
                None
            }
            Err(yes) => Some(asked.answer(yes)),
        }
    }
}

/// Starts the command of a probe, in the service's group and as its user.
fn start_command(spec: Option<&ServiceSpec>, command: &[String]) -> anyhow::Result<(u32, Way)> {
    let Some(spec) = spec else { anyhow::bail!("nobody knows the service") };
    let null = std::fs::File::options().write(true).open("/dev/null")?;
    let group: Cgroup = group::of(&spec.name);
    let child = launch::spawn(spec, command, Some(&group), std::os::fd::AsFd::as_fd(&null))?;
    Ok((0, Way::Command(child.pid)))
}

/// Takes the next step of a connection. The error is the answer: there are no further steps.
fn next_step(way: Way, (poll, id): (&Poll, u32)) -> Result<Way, bool> {
    match way {
        Way::Connecting(mut stream, request) => {
            if !matches!(stream.take_error(), Ok(None)) {
                return Err(false);
            }
            let Some(request) = request else { return Err(true) };
            // It fits the empty buffer of a new connection whole.
            let sent = stream.write(&request).is_ok_and(|n| n == request.len());
            let waits = poll.change(&stream, Token::Probe(id).to_number(), Interest::Read).is_ok();
            if sent && waits { Ok(Way::Answering(stream, Vec::new())) } else { Err(false) }
        }
        Way::Answering(mut stream, mut answer) => {
            let mut buffer = [0; 256];
            let n = stream.read(&mut buffer).unwrap_or(0);
            answer.extend(buffer.iter().take(n));
            match http::parse_answer(&answer) {
                Some(yes) => Err(yes),
                None if n == 0 => Err(false),
                None => Ok(Way::Answering(stream, answer)),
            }
        }
        Way::Command(_) => Ok(way),
    }
}

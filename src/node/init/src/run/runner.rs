//! The event loop: where events come from, and which part of the node takes them.

use std::path::Path;

use control::{Reply, SOCKET_PATH, ShutdownKind};
use supervise::Event;
use sys::{Interest, Ready, Signal, Signals};

use super::button::Buttons;
use super::node::Node;
use super::notify::Notices;
use super::server::Server;
use super::token::Token;
use crate::early::Booted;

/// How long in milliseconds the loop sleeps when the kernel refuses to wait.
pub(super) const REFUSED_PAUSE_MS: u64 = 100;

/// The node and the sources of events.
#[derive(Debug)]
pub(super) struct Runner<'a> {
    node: Node<'a>,
    signals: Signals,
    notices: Option<Notices>,
    buttons: Buttons,
    /// Children have ended that were not reaped yet.
    reaping: bool,
}

impl<'a> Runner<'a> {
    /// Opens sockets and buttons. What fails to open is said and missed.
    pub(super) fn open(mut node: Node<'a>, signals: Signals) -> Runner<'a> {
        let (poll, voice) = (&node.poll, &mut node.base.voice);
        voice.said(poll.add(&signals, Token::Signal.to_number(), Interest::Read));
        node.server = voice.said(Server::open(Path::new(SOCKET_PATH), poll));
        let notices = voice.said(Notices::open(poll));
        let buttons = Buttons::open_all(poll);
        Runner { node, signals, notices, buttons, reaping: false }
    }

    /// Starts what can start, then reads the boot record.
    pub(super) fn start(&mut self, booted: &Booted) {
        self.node.start();
        self.node.open_record(booted);
    }

    /// Turns until a shutdown was asked for and everything has ended; returns what follows it.
    pub(super) fn run(mut self) -> ShutdownKind {
        loop {
            self.turn();
            if let Some(kind) = self.node.finished() {
                self.node.close();
                return kind;
            }
        }
    }

    /// Waits for what comes next and deals with it.
    fn turn(&mut self) {
        self.node.keep_said();
        let asked = self.node.server.as_mut().is_some_and(|s| !s.asking().is_empty());
        let due = self.node.next_ms().map(|at| at.saturating_sub(sys::boot_ms()));
        let timeout = if asked || self.reaping { Some(0) } else { due };
        let ready = match self.node.poll.wait(timeout) {
            Ok(ready) => ready,
            Err(error) => {
                self.node.base.voice.error(&error.to_string());
                self.node.base.pause(REFUSED_PAUSE_MS);
                Vec::new()
            }
        };
        ready.into_iter().for_each(|r| self.dispatch(r));
        if self.reaping {
            self.reaping = self.node.reap_some();
        }
        self.answer_all();
        self.node.on_time();
    }

    /// Hands an event of the kernel to whom it concerns.
    fn dispatch(&mut self, ready: Ready) {
        match Token::parse(ready.token) {
            Some(Token::Signal) => self.on_signals(),
            Some(Token::Accept) => self.on_accept(),
            Some(Token::Client(id)) => self.on_client(id, ready),
            Some(Token::Notify) => self.on_notices(),
            Some(Token::Log(id)) => self.node.on_log(id),
            Some(Token::Probe(id)) => self.node.on_probe(id),
            Some(Token::Button(id)) => self.on_button(id),
            Some(Token::KernelLog) => self.node.on_kernel_log(),
            // Each turn exchanges with it.
            Some(Token::Disk) | None => {}
        }
    }

    /// Takes all pending signals.
    fn on_signals(&mut self) {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::Child => self.reaping = true,
                Signal::CtrlAltDel => self.node.begin_shutdown(ShutdownKind::Reboot, "Ctrl-Alt-Del"),
                Signal::Power => self.node.begin_shutdown(ShutdownKind::PowerOff, "power failure"),
                Signal::Other(_) => {}
            }
        }
    }

    /// Takes a new client.
    fn on_accept(&mut self) {
        let Some(server) = &mut self.node.server else { return };
        let accepted = server.accept(&self.node.poll);
        self.node.base.voice.said(accepted);
    }

    /// Reads what a client has sent, and sends it what waits.
    fn on_client(&mut self, id: u32, ready: Ready) {
        let Some(server) = &mut self.node.server else { return };
        let exchanged = server.exchange(id, ready, &self.node.poll);
        self.node.base.voice.said(exchanged);
        self.node.rest_kernel_log();
    }

    /// Answers what clients ask, a few requests of each; the rest has its turn after other events.
    fn answer_all(&mut self) {
        let asking = self.node.server.as_mut().map(Server::asking).unwrap_or_default();
        for id in asking {
            for _ in Server::turn() {
                let next = self.node.server.as_mut().and_then(|server| server.next_request(id));
                let reply = match next {
                    None => break,
                    Some(Ok(request)) => self.node.answer(id, request),
                    Some(Err(message)) => Some(Reply::Error { message }),
                };
                let Some(server) = &mut self.node.server else { break };
                match reply {
                    Some(reply) => server.push(id, &reply),
                    None => server.set_awaits(id),
                }
            }
            if let Some(server) = &mut self.node.server {
                server.send(id, &self.node.poll);
            }
        }
        self.node.rest_kernel_log();
    }

    /// Tells the services of those that have become ready.
    fn on_notices(&mut self) {
        let ready = self.notices.as_ref().map(Notices::take_ready).unwrap_or_default();
        ready.into_iter().for_each(|service| self.node.feed(Event::Notified { service }));
    }

    /// Powers off when a power button was pressed.
    fn on_button(&mut self, id: u32) {
        if self.buttons.is_pressed(id) {
            self.node.begin_shutdown(ShutdownKind::PowerOff, "power button");
        }
    }
}

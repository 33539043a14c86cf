//! The main phase, on the root: one loop that waits for all events at once and never blocks on one.
//!
//! Each source of events has a file; they share the [`Runner`]. Decisions about services
//! are [`supervise`]'s: an event goes in ([`Runner::feed`]), actions come out and are carried out at once.

mod actions;
mod answer;
mod button;
mod group;
mod kernel_log;
mod launch;
mod logs;
mod noded;
mod notify;
mod probe;
mod server;
mod setup;
mod timer;
mod token;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixDatagram;

use control::ShutdownKind;
use supervise::{Event, Supervisor};
use sys::{Poll, Ready, Signal, Signals};

use crate::base::Base;
use crate::early::{Booted, Condition};
use token::Token;

/// How long in milliseconds a group that is being killed is left alone before it is looked at again.
const CLEAR_LOOK_MS: u64 = 20;
/// How long in milliseconds the loop sleeps when the kernel refuses to wait.
const REFUSED_PAUSE_MS: u64 = 100;
/// Beyond this time after a shutdown began, what has not ended no longer counts.
const SHUTDOWN_PATIENCE_MS: u64 = supervise::SHUTDOWN_LIMIT_MS + 5_000;

/// Everything the loop knows.
struct Runner<'a> {
    base: &'a mut Base,
    poll: Poll,
    signals: Signals,
    supervisor: Supervisor,
    /// Children of which the end will tell why they did not start.
    children: BTreeMap<u32, sys::Child>,
    /// Services whose group is being killed.
    clearing: BTreeSet<String>,
    probes: probe::Probes,
    logs: logs::Logs,
    server: Option<server::Server>,
    notify: Option<UnixDatagram>,
    buttons: Vec<std::fs::File>,
    kernel_log: kernel_log::KernelLog,
    trial: trial::Trial,
    leaving: Option<Leaving>,
}

/// A shutdown under way.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    kind: ShutdownKind,
    since_ms: u64,
}

/// Supervises until a shutdown was asked for and everything has ended; returns what follows it.
pub(crate) fn run(base: &mut Base, booted: &Booted) -> ShutdownKind {
    let condition = &booted.condition;
    setup::prepare(base, condition);
    let (poll, signals) = open_events(base);
    let mut runner = Runner::new(base, poll, signals, condition);
    runner.open_sources();
    runner.open_record(booted);
    loop {
        runner.turn();
        if let Some(kind) = runner.finished() {
            runner.close();
            return kind;
        }
    }
}

/// Opens what the loop cannot be without; tries for as long as it takes, as there is nothing better to do.
fn open_events(base: &mut Base) -> (Poll, Signals) {
    loop {
        match Poll::new().and_then(|poll| Ok((poll, Signals::block_all()?))) {
            Ok(opened) => return opened,
            Err(error) => base.voice.error(&error.to_string()),
        }
        base.pause(REFUSED_PAUSE_MS);
    }
}

impl<'a> Runner<'a> {
    fn new(base: &'a mut Base, poll: Poll, signals: Signals, condition: &Condition) -> Runner<'a> {
        // Without its state a node has no identity: noded must not invent a new one.
        let supervisor = match condition.state {
            None => Supervisor::new(noded::spec(), sys::boot_ms()),
            Some(_) => Supervisor::default(),
        };
        Runner {
            base,
            poll,
            signals,
            supervisor,
            children: BTreeMap::new(),
            clearing: BTreeSet::new(),
            probes: probe::Probes::default(),
            logs: logs::Logs::new(),
            server: None,
            notify: None,
            buttons: Vec::new(),
            kernel_log: kernel_log::KernelLog::default(),
            trial: trial::Trial::default(),
            leaving: None,
        }
    }

    /// Opens sockets and buttons, then starts what can start. What fails to open is said and missed.
    fn open_sources(&mut self) {
        let signals = self.poll.add(&self.signals, Token::Signal.to_number(), sys::Interest::Read);
        self.say_error(signals);
        let server = server::Server::open(&self.poll);
        self.server = self.said(server);
        let notify = notify::open(&self.poll);
        self.notify = self.said(notify);
        self.buttons = button::open_all(&self.poll);
        self.feed(Event::Tick);
        if self.supervisor.status().iter().any(|s| s.name == control::NODED && s.pid.is_some()) {
            self.base.reach("noded");
        }
    }

    /// Waits for what comes next and deals with it.
    fn turn(&mut self) {
        self.keep_said();
        let timeout = self.next_ms().map(|at| at.saturating_sub(sys::boot_ms()));
        let ready = match self.poll.wait(timeout) {
            Ok(ready) => ready,
            Err(error) => {
                self.base.voice.error(&error.to_string());
                self.base.pause(REFUSED_PAUSE_MS);
                Vec::new()
            }
        };
        ready.into_iter().for_each(|r| self.dispatch(r));
        self.on_time();
    }

    /// Hands an event of the kernel to its file.
    fn dispatch(&mut self, ready: Ready) {
        match Token::parse(ready.token) {
            Some(Token::Signal) => self.on_signals(),
            Some(Token::Accept) => self.on_accept(),
            Some(Token::Client(id)) => self.on_client(id, ready),
            Some(Token::Notify) => self.on_notices(),
            Some(Token::Log(id)) => self.on_log(id),
            Some(Token::Probe(id)) => self.on_probe(id),
            Some(Token::Button(id)) => self.on_button(id),
            Some(Token::KernelLog) => self.on_kernel_log(),
            None => {}
        }
    }

    /// Takes all pending signals.
    fn on_signals(&mut self) {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::Child => self.reap_all(),
                Signal::CtrlAltDel => self.begin_shutdown(ShutdownKind::Reboot, "Ctrl-Alt-Del"),
                Signal::Power => self.begin_shutdown(ShutdownKind::PowerOff, "power failure"),
                Signal::Other(_) => {}
            }
        }
    }

    /// Begins an ordered shutdown; the first kind counts.
    fn begin_shutdown(&mut self, kind: ShutdownKind, why: &str) {
        if self.leaving.is_some() {
            return;
        }
        let what = match kind {
            ShutdownKind::Reboot => "rebooting",
            ShutdownKind::PowerOff => "powering off",
        };
        self.base.voice.info(&format!("{what} ({why})"));
        self.leaving = Some(Leaving { kind, since_ms: sys::boot_ms() });
        self.feed(Event::Shutdown);
    }

    /// Returns what follows, when everything has ended or has had its time.
    fn finished(&self) -> Option<ShutdownKind> {
        let leaving = self.leaving?;
        let late = sys::boot_ms().saturating_sub(leaving.since_ms) > SHUTDOWN_PATIENCE_MS;
        (late || self.supervisor.is_stopped()).then_some(leaving.kind)
    }

    /// Reports an error, if there is one, and continues.
    fn say_error<E: std::fmt::Display>(&mut self, result: Result<(), E>) {
        self.said(result);
    }

    /// Returns the value, or says why there is none.
    fn said<T, E: std::fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.base.voice.error(&format!("{e:#}"))).ok()
    }

    /// Writes the last lines and lets go of all files.
    fn close(&mut self) {
        self.end_trial();
        self.keep_said();
        self.logs.close();
    }
}

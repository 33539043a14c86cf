//! Everything that PID 1 keeps of the node while it runs, and what each request does to it.
//!
//! It puts the parts together, which do not know each other; where events come from is the caller's matter.

use control::{LogLine, NODED, Reply, Request, ServiceSpec, ShutdownKind, Status};
use supervise::Event;
use sys::Poll;

use super::kernel_log::{KERNEL, KernelLog};
use super::logs::{INIT, Logs};
use super::server::Server;
use super::services::{Services, Tools};
use super::token::Token;
use super::trial::{Due, Trial};
use super::{noded, submission};
use crate::base::Base;
use crate::disk::Disk;
use crate::early::Booted;

/// Children reaped in one turn.
const MAX_REAPED: usize = 256;
/// How long in milliseconds the disk may take for the last lines and the boot record when everything has ended.
const FINISH_MS: u64 = 30_000;
/// Milliseconds between two looks at it.
const FINISH_LOOK_MS: u64 = 5;
/// Most lines of one reply.
const MAX_LINES: u32 = 10_000;
/// Most lines of the kernel that a failed generation leaves; their bytes are bounded where they are read.
const MAX_KERNEL_LINES: usize = 10_000;
/// Beyond this time after a shutdown began, what has not ended no longer counts.
const SHUTDOWN_PATIENCE_MS: u64 = supervise::SHUTDOWN_LIMIT_MS + 5_000;

/// The parts.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) base: &'a mut Base,
    pub(super) poll: Poll,
    pub(super) server: Option<Server>,
    services: Services,
    logs: Logs,
    kernel_log: KernelLog,
    trial: Trial,
    disk: Disk,
    /// The disk has everything that was to be written before the end.
    finished: bool,
    leaving: Option<Leaving>,
}

/// A shutdown under way.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    kind: ShutdownKind,
    since_ms: u64,
}

impl<'a> Node<'a> {
    /// Returns a node of which nothing was started yet.
    pub(super) fn new(base: &'a mut Base, poll: Poll) -> Node<'a> {
        Node {
            base,
            poll,
            server: None,
            services: Services::with_builtin(noded::spec()),
            logs: Logs::new(),
            kernel_log: KernelLog::default(),
            trial: Trial::default(),
            disk: Disk::new(Token::Disk.to_number()),
            finished: false,
            leaving: None,
        }
    }

    /// Starts what can start.
    pub(super) fn start(&mut self) {
        self.feed(Event::Tick);
        if self.services.status(false).iter().any(|s| s.name == NODED && s.pid.is_some()) {
            self.base.reach("noded");
        }
    }

    /// Reads the record of the disk that runs. Nothing waits for it: the services have been started.
    pub(super) fn open_record(&mut self, booted: &Booted) {
        self.trial = Trial::open(booted, self.base);
    }

    /// Gives an event to the services.
    pub(super) fn feed(&mut self, event: Event) {
        let (services, mut tools) = self.services();
        services.feed(event, &mut tools);
    }

    /// Goes on with the probe that has something to say.
    pub(super) fn on_probe(&mut self, id: u32) {
        let (services, mut tools) = self.services();
        services.on_probe(id, &mut tools);
    }

    /// Reaps children that have ended: services, probes, the reader of the slot, the writer, and orphans; returns whether there
    /// may be more. Those of a pod may end faster than they are reaped.
    pub(super) fn reap_some(&mut self) -> bool {
        let mut more = true;
        for _ in 0..MAX_REAPED {
            let Some((pid, exit)) = sys::reap() else {
                more = false;
                break;
            };
            let voice = &mut self.base.voice;
            if !self.trial.ended(pid, exit, voice) && !self.disk.ended(pid, exit, voice) {
                let (services, mut tools) = self.services();
                services.ended(pid, exit, &mut tools);
            }
        }
        let (services, mut tools) = self.services();
        services.look_at_clearing(&mut tools);
        more
    }

    /// Returns the services and what they need of the rest.
    fn services(&mut self) -> (&mut Services, Tools<'_>) {
        let tools = Tools { poll: &self.poll, logs: &mut self.logs, voice: &mut self.base.voice };
        (&mut self.services, tools)
    }

    /// Takes what a service has printed.
    pub(super) fn on_log(&mut self, id: u32) {
        if let Some((service, lines)) = self.logs.read(id) {
            self.keep_lines(&service, lines);
        }
    }

    /// Takes what PID 1 itself has said.
    pub(super) fn keep_said(&mut self) {
        let said = self.base.voice.take_kept();
        if !said.is_empty() {
            self.keep_lines(INIT, said);
        }
    }

    /// Keeps lines and shows them to those who follow.
    fn keep_lines(&mut self, service: &str, lines: Vec<LogLine>) {
        self.show(service, &lines);
        self.logs.keep(service, lines);
    }

    /// Shows new messages of the kernel to those who follow, and closes its log when nobody does.
    pub(super) fn on_kernel_log(&mut self) {
        let lines = self.kernel_log.take_new();
        self.show(KERNEL, &lines);
    }

    fn show(&mut self, log: &str, lines: &[LogLine]) {
        if let Some(server) = &mut self.server {
            server.show(log, lines, &self.poll);
        }
        self.rest_kernel_log();
    }

    /// Closes the kernel's log when no client follows it.
    pub(super) fn rest_kernel_log(&mut self) {
        if !self.server.as_ref().is_some_and(|s| s.is_followed(KERNEL)) {
            self.kernel_log.rest();
        }
    }

    /// Returns the last messages of the kernel; with `follow` the later ones are shown as they come.
    fn kernel_lines(&mut self, count: usize, follow: bool) -> Vec<LogLine> {
        let lines = self.kernel_log.last(count, Some(&self.poll).filter(|_| follow));
        self.base.voice.said(lines).unwrap_or_default()
    }

    /// Begins an ordered shutdown; the first kind counts.
    pub(super) fn begin_shutdown(&mut self, kind: ShutdownKind, why: &str) {
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
    pub(super) fn finished(&self) -> Option<ShutdownKind> {
        let leaving = self.leaving?;
        let late = sys::boot_ms().saturating_sub(leaving.since_ms) > SHUTDOWN_PATIENCE_MS;
        (late || self.services.is_stopped()).then_some(leaving.kind)
    }

    /// Has the last lines and what is left of the trial written, and waits for that, but not for a disk that stalls.
    pub(super) fn close(&mut self) {
        if let Some((generation, mut logs)) = self.trial.end() {
            logs.push((KERNEL.to_owned(), self.kernel_lines(MAX_KERNEL_LINES, false)));
            logs.into_iter().for_each(|(name, lines)| self.disk.keep(generation, name, lines));
        }
        self.keep_said();
        self.logs.take_due(u64::MAX).into_iter().for_each(|portion| self.disk.log(portion));
        self.disk.finish();
        let end = sys::boot_ms() + FINISH_MS;
        loop {
            self.drive_disk();
            if self.finished && !self.trial.is_writing() {
                return;
            }
            if sys::boot_ms() >= end {
                return self.base.voice.error("the disk does not answer: the last lines of logs are lost");
            }
            self.base.pause(FINISH_LOOK_MS);
        }
    }

    /// Feeds the watchdogs if they may be fed, and returns when the loop has to turn although nothing happens, in
    /// milliseconds since the kernel started.
    pub(super) fn next_ms(&mut self) -> Option<u64> {
        let now = sys::boot_ms();
        let on_trial = self.leaving.is_none();
        let may_feed = !on_trial || self.trial.may_feed(now, &mut self.base.voice);
        let watchdog = if may_feed { self.base.feed_watchdogs().map(|ms| now + ms) } else { None };
        let patience = self.leaving.map(|l| l.since_ms + SHUTDOWN_PATIENCE_MS + 1);
        let trial = self.trial.next_ms(now).filter(|_| on_trial);
        let all =
            [watchdog, patience, trial, self.services.next_ms(now), self.logs.next_ms(), self.disk.next_ms()];
        all.into_iter().flatten().min()
    }

    /// Does all that is due.
    pub(super) fn on_time(&mut self) {
        let now = sys::boot_ms();
        let (services, mut tools) = self.services();
        services.on_time(now, &mut tools);
        self.logs.take_due(now).into_iter().for_each(|portion| self.disk.log(portion));
        if self.leaving.is_none() && self.trial.look(now, &mut self.base.voice) {
            let output = self.logs.output(INIT, &self.poll).map_err(Into::into);
            self.trial.read(output, &mut self.base.voice);
        }
        self.drive_disk();
    }

    /// Exchanges orders and answers with the process that writes to the disks, and does what follows from them.
    fn drive_disk(&mut self) {
        loop {
            let due = self.trial.advance(sys::boot_ms(), &mut self.disk, &mut self.base.voice);
            due.into_iter().for_each(|due| self.carry_out(due));
            let answers = self.disk.exchange(&self.poll, &mut self.base.voice);
            if answers.is_empty() {
                return;
            }
            for done in answers {
                if !self.trial.awaits_disk() {
                    // The answer to the order to finish.
                    self.finished = true;
                    self.base.voice.said(done.error.map_or(Ok(()), Err));
                    continue;
                }
                let due = self.trial.written(done, &mut self.base.voice);
                due.into_iter().for_each(|due| self.carry_out(due));
            }
        }
    }

    /// Does what the trial wants done.
    fn carry_out(&mut self, due: Due) {
        match due {
            Due::Reply(client, reply) => {
                if let Some(server) = &mut self.server {
                    server.push_late(client, &reply, &self.poll);
                }
            }
            Due::Reboot => {
                // Services that have ended take their logs with them.
                self.keep_said();
                self.trial.keep_logs(self.logs.all());
                self.begin_shutdown(ShutdownKind::Reboot, "trial failed");
            }
        }
    }

    /// Does what a request asks and returns the reply; `None` if that comes later, by [`Server::push_late`].
    pub(super) fn answer(&mut self, client: u32, request: Request) -> Option<Reply> {
        let result = match request {
            Request::Status { usage } => return Some(Reply::Status(self.status(usage))),
            Request::Logs { service, lines, follow } => {
                return Some(self.answer_logs(client, (service, lines), follow));
            }
            Request::Unfollow { service } => {
                if let Some(server) = &mut self.server {
                    server.unfollow(client, &service);
                }
                Ok(())
            }
            Request::Submit { services } => self.submit(services),
            Request::Restart { service } => self.restart(service),
            Request::Signal { service, signal } => self.services.signal(&service, signal),
            Request::Stage { name } => {
                self.base.reach(&name);
                Ok(())
            }
            Request::Health { problem, deadline_secs } => {
                self.trial.on_health(problem, deadline_secs);
                Ok(())
            }
            Request::StateSealed => {
                self.trial.on_sealed();
                Ok(())
            }
            Request::Boot { .. } | Request::MayUpdate if self.leaving.is_some() => {
                Err("a shutdown is under way".to_owned())
            }
            Request::Boot { order } => {
                self.trial.order(client, order);
                return None;
            }
            Request::MayUpdate => return Some(self.trial.may_update()),
            Request::SlotRotten { slot, generation } => {
                self.trial.note_rotten(client, slot, generation);
                return None;
            }
            Request::Shutdown { kind } => {
                self.begin_shutdown(kind, "as asked");
                Ok(())
            }
        };
        Some(result.map_or_else(|message| Reply::Error { message }, |()| Reply::Ok))
    }

    fn status(&self, usage: bool) -> Status {
        Status {
            services: self.services.status(usage),
            stages: self.base.stages.clone(),
            uptime_ms: sys::boot_ms(),
            shutting_down: self.services.is_shutting_down(),
            boot: self.trial.status(),
        }
    }

    /// Makes a set of services the wanted one.
    fn submit(&mut self, services: Vec<ServiceSpec>) -> Result<(), String> {
        if self.services.is_shutting_down() {
            return Err("a shutdown is under way".to_owned());
        }
        submission::check(&services)?;
        self.base.voice.said(submission::keep(&services));
        self.feed(Event::Submit(services));
        Ok(())
    }

    fn restart(&mut self, service: String) -> Result<(), String> {
        if !self.services.has(&service) {
            return Err(format!("there is no service {service:?}"));
        }
        self.feed(Event::Restart(service));
        Ok(())
    }

    /// Returns the last lines of a log, and makes the client follow it if it wants to.
    fn answer_logs(&mut self, client: u32, (service, lines): (String, u32), follow: bool) -> Reply {
        let count = usize::try_from(lines.min(MAX_LINES)).unwrap_or(usize::MAX);
        let lines = if service == KERNEL {
            Some(self.kernel_lines(count, follow))
        } else {
            let known = self.services.has(&service).then(Vec::new);
            self.logs.last(&service, count).or(known)
        };
        let Some(lines) = lines else {
            return Reply::Error { message: format!("there is no log {service:?}") };
        };
        match self.server.as_mut().filter(|_| follow).map(|server| server.follow(client, &service)) {
            Some(Err(message)) => Reply::Error { message },
            Some(Ok(())) | None => Reply::Logs { lines },
        }
    }
}

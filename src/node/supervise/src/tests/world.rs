//! A fake machine: it starts what it is told to start and panics on an order that breaks a rule.

use std::collections::{BTreeMap, BTreeSet};

use control::{Limits, Probe, Restart, ServiceSpec, ServiceState, Stop, User};

use crate::{Action, Event, ProbeKind, Supervisor};

/// Returns a plain daemon.
pub(super) fn daemon(name: &str, after: &[&str]) -> ServiceSpec {
    ServiceSpec {
        name: name.into(),
        command: vec!["/bin/x".into()],
        environment: BTreeMap::new(),
        user: User::ROOT,
        after: after.iter().map(|s| (*s).to_owned()).collect(),
        readiness: None,
        health: None,
        restart: Restart::default(),
        limits: Limits::default(),
        stop: Stop::default(),
    }
}

/// The machine and its clock.
#[derive(Debug)]
pub(super) struct World {
    pub(super) supervisor: Supervisor,
    pub(super) now: u64,
    /// Main process of each service that runs.
    pub(super) running: BTreeMap<String, u32>,
    /// Services of which something is left beside the main process.
    pub(super) uncleared: BTreeSet<String>,
    /// Probes that are out, the last one of each service.
    pub(super) probes: BTreeMap<String, (u64, ProbeKind, Probe)>,
    pub(super) starts: BTreeMap<String, u32>,
    pub(super) signals: Vec<(String, i32)>,
    pub(super) said: Vec<String>,
    pub(super) jitter: u32,
    /// Starts fail instead of succeeding.
    pub(super) broken: bool,
    next_pid: u32,
}

impl World {
    /// Returns a machine with `noded` running.
    pub(super) fn new() -> World {
        let mut world = World {
            supervisor: Supervisor::new(daemon("noded", &[]), 0),
            now: 0,
            running: BTreeMap::new(),
            uncleared: BTreeSet::new(),
            probes: BTreeMap::new(),
            starts: BTreeMap::new(),
            signals: Vec::new(),
            said: Vec::new(),
            jitter: 0,
            broken: false,
            next_pid: 100,
        };
        world.feed(Event::Tick);
        world
    }

    /// Returns a machine to which a set was submitted.
    pub(super) fn with(set: &[ServiceSpec]) -> World {
        let mut world = World::new();
        world.feed(Event::Submit(set.to_vec()));
        world
    }

    /// Feeds an event and all that follows at once.
    pub(super) fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.supervisor.step(event, self.now, self.jitter) {
                events.extend(self.carry_out(action));
            }
        }
    }

    /// Carries one action out, as strict as the real machine is not.
    fn carry_out(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Start { service } => Some(self.start(service)),
            Action::Signal { service, pid, signal } => {
                assert_eq!(self.running.get(&service), Some(&pid), "signal to a stranger");
                self.signals.push((service, signal));
                None
            }
            Action::KillGroup { service } => {
                assert!(!self.spec(&service).limits.delegate, "delegated group of {service} killed");
                self.signals.push((service, 9));
                None
            }
            Action::Clear { service } => {
                assert!(!self.running.contains_key(&service), "cleared while {service} runs");
                (!self.uncleared.contains(&service)).then_some(Event::Cleared { service })
            }
            Action::Probe { service, run, kind, probe, .. } => {
                assert!(self.running.contains_key(&service), "probe of {service}, which does not run");
                self.probes.insert(service, (run, kind, probe));
                None
            }
            Action::StopProbes { service } => {
                self.probes.remove(&service);
                None
            }
            Action::Forget { service } => {
                assert!(!self.running.contains_key(&service), "{service} forgotten while it runs");
                assert!(!self.uncleared.contains(&service), "{service} forgotten before it was cleared");
                None
            }
            Action::Say { text } => {
                self.said.push(text);
                None
            }
        }
    }

    fn start(&mut self, service: String) -> Event {
        assert!(!self.running.contains_key(&service), "second process of {service}");
        assert!(!self.uncleared.contains(&service), "{service} started before its last run was cleared");
        for dependency in &self.spec(&service).after {
            assert!(self.is_ready(dependency), "{service} started before {dependency} was ready");
        }
        *self.starts.entry(service.clone()).or_default() += 1;
        if self.broken {
            return Event::StartFailed { service, reason: "broken".into() };
        }
        self.next_pid += 1;
        self.running.insert(service.clone(), self.next_pid);
        Event::Started { service, pid: self.next_pid }
    }

    pub(super) fn spec(&self, service: &str) -> ServiceSpec {
        self.supervisor.spec(service).cloned().unwrap_or_else(|| daemon(service, &[]))
    }

    fn is_ready(&self, service: &str) -> bool {
        let task = self.spec(service).readiness == Some(Probe::Exit);
        match self.state(service) {
            Some(ServiceState::Ready) => true,
            Some(ServiceState::Done) => task,
            _ => false,
        }
    }

    /// Returns the state of a service, `None` if it is not known.
    pub(super) fn state(&self, service: &str) -> Option<ServiceState> {
        self.supervisor.status().into_iter().find(|s| s.name == service).map(|s| s.state)
    }

    /// Returns how often a service was started.
    pub(super) fn starts(&self, service: &str) -> u32 {
        self.starts.get(service).copied().unwrap_or(0)
    }

    /// Ends a main process.
    pub(super) fn exit(&mut self, service: &str, success: bool) {
        assert!(self.running.remove(service).is_some(), "{service} does not run");
        let how = if success { "exit code 0" } else { "signal 9" }.to_owned();
        self.feed(Event::Exited { service: service.into(), success, how });
    }

    /// Answers the probe that is out.
    pub(super) fn answer(&mut self, service: &str, yes: bool) {
        let Some((run, kind, _)) = self.probes.remove(service) else {
            panic!("no probe of {service} is out")
        };
        self.feed(Event::Probed { service: service.into(), run, kind, yes });
    }

    /// Lets time pass, with a tick whenever one is wanted.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(at) = self.supervisor.next_ms().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.feed(Event::Tick);
        }
        self.now = end;
    }
}

//! The services: the supervisor's decisions, and carrying them out.
//!
//! An event goes into [`supervise`]'s pure machine, actions come out, and each is carried out at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use control::{Probe, ServiceSpec, ServiceStatus};
use supervise::{Action, Event, Supervisor};
use sys::{Exit, Poll};

use super::logs::Logs;
use super::probe::{Asked, Probes, Question};
use super::{group, launch};
use crate::voice::Voice;

/// How long in milliseconds a group that is being killed is left alone before it is looked at again.
const CLEAR_LOOK_MS: u64 = 20;

/// The services and what is known of their processes.
#[derive(Debug, Default)]
pub(super) struct Services {
    supervisor: Supervisor,
    /// Children of which the end will tell why they did not start.
    children: BTreeMap<u32, sys::Child>,
    /// Services whose group is being killed.
    clearing: BTreeSet<String>,
    probes: Probes,
}

/// What carrying out an action needs of the rest.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    pub(super) poll: &'a Poll,
    pub(super) logs: &'a mut Logs,
    pub(super) voice: &'a mut Voice,
}

impl Services {
    /// Returns the services of a machine that has only its built-in one; nothing was started yet.
    pub(super) fn with_builtin(spec: ServiceSpec) -> Services {
        Services { supervisor: Supervisor::new(spec, sys::boot_ms()), ..Services::default() }
    }

    /// Returns the state of all services, by name; with what each uses if that is asked for.
    pub(super) fn status(&self, usage: bool) -> Vec<ServiceStatus> {
        let mut services = self.supervisor.status();
        for service in services.iter_mut().filter(|_| usage) {
            service.usage = group::usage(&service.name);
        }
        services
    }

    /// Returns whether there is a service of that name.
    pub(super) fn has(&self, service: &str) -> bool {
        self.supervisor.spec(service).is_some()
    }

    /// Returns whether everything was told to end.
    pub(super) fn is_shutting_down(&self) -> bool {
        self.supervisor.is_shutting_down()
    }

    /// Returns whether everything was told to end and has ended.
    pub(super) fn is_stopped(&self) -> bool {
        self.supervisor.is_stopped()
    }

    /// Signals the main process of a service.
    ///
    /// # Errors
    /// One line, why nothing was signalled.
    pub(super) fn signal(&self, service: &str, signal: i32) -> Result<(), String> {
        if !(1..=64).contains(&signal) {
            return Err(format!("signal {signal}: expected a number from 1 to 64"));
        }
        let status = self.supervisor.status().into_iter().find(|s| s.name == service);
        let pid = status.ok_or_else(|| format!("there is no service {service:?}"))?.pid;
        let pid = pid.ok_or_else(|| format!("service {service:?} has no process"))?;
        sys::kill(pid, signal).map_err(|e| e.to_string())
    }

    /// Returns when something is due although nothing happens, in milliseconds since the kernel started.
    pub(super) fn next_ms(&self, now: u64) -> Option<u64> {
        let clearing = (!self.clearing.is_empty()).then_some(now + CLEAR_LOOK_MS);
        [clearing, self.supervisor.next_ms(), self.probes.next_ms()].into_iter().flatten().min()
    }

    /// Does all that is due.
    pub(super) fn on_time(&mut self, now: u64, tools: &mut Tools<'_>) {
        for answer in self.probes.expire(now) {
            self.feed(answer, tools);
        }
        self.look_at_clearing(tools);
        if self.supervisor.next_ms().is_some_and(|at| at <= now) {
            self.feed(Event::Tick, tools);
        }
    }

    /// Goes on with the probe that has something to say.
    pub(super) fn on_probe(&mut self, id: u32, tools: &mut Tools<'_>) {
        if let Some(answer) = self.probes.go_on(id, tools.poll) {
            self.feed(answer, tools);
        }
    }

    /// Takes the end of a child: a service's main process, a probe's, or an orphan.
    pub(super) fn ended(&mut self, pid: u32, exit: Exit, tools: &mut Tools<'_>) {
        let failure = self.children.remove(&pid).and_then(sys::Child::failure);
        if let Some(answer) = self.probes.exited(pid, exit) {
            self.feed(answer, tools);
        } else if let Some(service) = self.supervisor.service_of(pid).map(str::to_owned) {
            let how = failure.unwrap_or_else(|| exit.to_string());
            self.feed(Event::Exited { service, success: exit == Exit::Code(0), how }, tools);
        }
    }

    /// Tells the supervisor of groups that have become empty.
    pub(super) fn look_at_clearing(&mut self, tools: &mut Tools<'_>) {
        let empty: Vec<String> =
            self.clearing.iter().filter(|s| !group::of(s).is_populated()).cloned().collect();
        for service in empty {
            self.clearing.remove(&service);
            let cleared = cleared(service, tools.voice);
            self.feed(cleared, tools);
        }
    }

    /// Gives an event to the supervisor and carries out all that follows from it.
    pub(super) fn feed(&mut self, event: Event, tools: &mut Tools<'_>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let actions = self.supervisor.step(event, sys::boot_ms(), jitter());
            events.extend(actions.into_iter().filter_map(|action| self.carry_out(action, tools)));
        }
    }

    /// Carries out one action; returns its answer if it has one at once.
    fn carry_out(&mut self, action: Action, tools: &mut Tools<'_>) -> Option<Event> {
        match action {
            Action::Start { service } => Some(self.start(service, tools)),
            Action::Signal { pid, signal, .. } => {
                // One that has ended in the meantime is about to be reaped.
                drop(sys::kill(pid, signal));
                None
            }
            Action::KillGroup { service } => {
                tools.voice.said(group::of(&service).kill());
                None
            }
            Action::Clear { service } => self.clear(service, tools.voice),
            Action::Probe { service, run, kind, probe, timeout_ms } => {
                let spec = self.supervisor.spec(&service);
                let asked = Asked { service: service.clone(), run, kind };
                self.probes.begin(Question { asked, probe, timeout_ms }, spec, tools.poll)
            }
            Action::StopProbes { service } => {
                self.probes.stop(&service);
                None
            }
            Action::Forget { service } => {
                tools.logs.forget(&service);
                // Containers of a delegated group live on in it until the machine goes down.
                drop(group::of(&service).remove());
                None
            }
            Action::Say { text } => {
                tools.voice.info(&text);
                None
            }
        }
    }

    /// Starts the main process of a service.
    fn start(&mut self, service: String, tools: &mut Tools<'_>) -> Event {
        match self.try_start(&service, tools) {
            Ok(pid) => Event::Started { service, pid },
            Err(error) => Event::StartFailed { service, reason: format!("{error:#}") },
        }
    }

    fn try_start(&mut self, service: &str, tools: &mut Tools<'_>) -> anyhow::Result<u32> {
        let Some(spec) = self.supervisor.spec(service) else {
            anyhow::bail!("nobody knows the service");
        };
        if let Some(Probe::File(path)) = &spec.readiness {
            match std::fs::remove_file(path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    anyhow::bail!("removing {}: {e}", path.display());
                }
                _ => {}
            }
        }
        let cgroup = group::prepare(spec)?;
        let output = tools.logs.output(service, tools.poll)?;
        let child = launch::spawn(spec, &spec.command, Some(&cgroup), output)?;
        let pid = child.pid;
        self.children.insert(pid, child);
        Ok(pid)
    }

    /// Kills what is left of a service's group.
    fn clear(&mut self, service: String, voice: &mut Voice) -> Option<Event> {
        let group = group::of(&service);
        if group.is_populated() {
            voice.said(group.kill());
            self.clearing.insert(service);
            return None;
        }
        Some(cleared(service, voice))
    }
}

/// Removes a group that is empty, and tells so.
///
/// The next start makes it anew, and must: Linux 6.12 kills whatever is cloned into a group that
/// `cgroup.kill` was ever used on, because it compares that group's count of kills with the count
/// of the cloning process's own group.
fn cleared(service: String, voice: &mut Voice) -> Event {
    voice.said(group::of(&service).remove());
    Event::Cleared { service }
}

/// Returns a random number; any will do when there is none.
fn jitter() -> u32 {
    let mut bytes = [0; 4];
    sys::random_bytes(&mut bytes).map_or(0, |()| u32::from_ne_bytes(bytes))
}

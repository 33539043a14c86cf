//! Carries out the actions of the supervisor.

use std::collections::VecDeque;

use control::Probe;
use supervise::{Action, Event};
use sys::Exit;

use super::{Runner, group, launch};

impl Runner<'_> {
    /// Gives an event to the supervisor and carries out all that follows from it.
    pub(super) fn feed(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let actions = self.supervisor.step(event, sys::boot_ms(), jitter());
            events.extend(actions.into_iter().filter_map(|action| self.carry_out(action)));
        }
    }

    /// Carries out one action; returns its answer if it has one at once.
    fn carry_out(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Start { service } => Some(self.start(service)),
            Action::Signal { pid, signal, .. } => {
                // One that has ended in the meantime is about to be reaped.
                drop(sys::kill(pid, signal));
                None
            }
            Action::KillGroup { service } => {
                let killed = group::of(&service).kill();
                self.say_error(killed);
                None
            }
            Action::Clear { service } => self.clear(service),
            Action::Probe { service, run, kind, probe, timeout_ms } => {
                let asked = super::probe::Asked { service, run, kind };
                self.begin_probe(asked, &probe, timeout_ms)
            }
            Action::StopProbes { service } => {
                self.probes.stop(&service);
                None
            }
            Action::Forget { service } => {
                self.logs.forget(&service);
                // Containers of a delegated group live on in it until the machine goes down.
                drop(group::of(&service).remove());
                None
            }
            Action::Say { text } => {
                self.base.voice.info(&text);
                None
            }
        }
    }

    /// Starts the main process of a service.
    fn start(&mut self, service: String) -> Event {
        match self.try_start(&service) {
            Ok(pid) => Event::Started { service, pid },
            Err(error) => Event::StartFailed { service, reason: format!("{error:#}") },
        }
    }

    fn try_start(&mut self, service: &str) -> anyhow::Result<u32> {
        let Some(spec) = self.supervisor.spec(service).cloned() else {
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
        let cgroup = group::prepare(&spec)?;
        let output = self.logs.output(service, &self.poll)?;
        let child = launch::spawn(&spec, &spec.command, Some(&cgroup), output)?;
        let pid = child.pid;
        self.children.insert(pid, child);
        Ok(pid)
    }

    /// Kills what is left of a service's group.
    fn clear(&mut self, service: String) -> Option<Event> {
        let group = group::of(&service);
        if group.is_populated() {
            let killed = group.kill();
            self.say_error(killed);
            self.clearing.insert(service);
            return None;
        }
        Some(self.cleared(service))
    }

    /// Removes a group that is empty, and tells so.
    ///
    /// The next start makes it anew, and must: Linux 6.12 kills whatever is cloned into a group that
    /// `cgroup.kill` was ever used on, because it compares that group's count of kills with the count
    /// of the cloning process's own group.
    fn cleared(&mut self, service: String) -> Event {
        let removed = group::of(&service).remove();
        self.say_error(removed);
        Event::Cleared { service }
    }

    /// Reaps all children that have ended: services, probes and orphans.
    pub(super) fn reap_all(&mut self) {
        while let Some((pid, exit)) = sys::reap() {
            let failure = self.children.remove(&pid).and_then(sys::Child::failure);
            if self.trial.is_reader(pid) {
                self.on_read(exit, failure);
            } else if let Some(answer) = self.probes.exited(pid, exit) {
                self.feed(answer);
            } else if let Some(service) = self.supervisor.service_of(pid).map(str::to_owned) {
                let how = failure.unwrap_or_else(|| exit.to_string());
                self.feed(Event::Exited { service, success: exit == Exit::Code(0), how });
            }
        }
        self.look_at_clearing();
    }

    /// Tells the supervisor of groups that have become empty.
    pub(super) fn look_at_clearing(&mut self) {
        let empty: Vec<String> =
            self.clearing.iter().filter(|s| !group::of(s).is_populated()).cloned().collect();
        for service in empty {
            self.clearing.remove(&service);
            let cleared = self.cleared(service);
            self.feed(cleared);
        }
    }
}

/// Returns a random number; any will do when there is none.
fn jitter() -> u32 {
    let mut bytes = [0; 4];
    sys::random_bytes(&mut bytes).map_or(0, |()| u32::from_ne_bytes(bytes))
}

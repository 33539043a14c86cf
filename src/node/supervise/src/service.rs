//! One service: its specification, its phase, its history.

use control::{Probe, RestartPolicy, ServiceSpec};

use crate::message::{Action, ProbeKind};
use crate::pause;
use crate::phase::{End, Outcome, Phase, Running};

/// Shortest time in milliseconds that a health check gets.
const MIN_HEALTH_MS: u64 = 5_000;
/// Time in milliseconds that one readiness probe over a socket gets.
const READINESS_MS: u64 = 5_000;

/// A service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) spec: ServiceSpec,
    /// What replaces `spec` when the present run has ended.
    pub(crate) pending: Option<ServiceSpec>,
    pub(crate) wanted: bool,
    pub(crate) phase: Phase,
    /// When it entered its phase.
    pub(crate) since: u64,
    /// Number of the present or last run; 0 before the first.
    pub(crate) run: u64,
    /// When the present or last run began.
    pub(crate) run_since: u64,
    pub(crate) restarts: u32,
    /// Runs in a row that ended early.
    pub(crate) failures: u32,
    pub(crate) outcome: Outcome,
    pub(crate) last_exit: Option<String>,
}

impl Service {
    /// Returns a service that waits for its first start.
    pub(crate) fn new(spec: ServiceSpec, now: u64) -> Service {
        Service {
            spec,
            pending: None,
            wanted: true,
            phase: Phase::Waiting,
            since: now,
            run: 0,
            run_since: now,
            restarts: 0,
            failures: 0,
            outcome: Outcome::Asked,
            last_exit: None,
        }
    }

    /// Enters a phase.
    pub(crate) fn enter(&mut self, phase: Phase, now: u64) {
        self.phase = phase;
        self.since = now;
    }

    /// Returns whether it ends with success instead of staying: a task.
    pub(crate) fn is_task(&self) -> bool {
        self.spec.readiness == Some(Probe::Exit)
    }

    /// Returns whether others that depend on it may start.
    pub(crate) fn is_ready(&self) -> bool {
        match self.phase {
            Phase::Ready(_) => true,
            Phase::Done => self.is_task(),
            _ => false,
        }
    }

    /// Returns whether it has, or may have, processes.
    pub(crate) fn is_alive(&self) -> bool {
        match self.phase {
            Phase::Launching
            | Phase::Starting(_)
            | Phase::Ready(_)
            | Phase::Stopping { .. }
            | Phase::Clearing => true,
            Phase::Waiting | Phase::BackOff { .. } | Phase::Done | Phase::Failed => false,
        }
    }

    /// Returns the main process.
    pub(crate) fn pid(&self) -> Option<u32> {
        match &self.phase {
            Phase::Starting(r) | Phase::Ready(r) => Some(r.pid),
            Phase::Stopping { pid, .. } => *pid,
            _ => None,
        }
    }

    /// Returns when something is due without any event.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        match &self.phase {
            Phase::Starting(r) | Phase::Ready(r) => r.ask_at,
            Phase::Stopping { kill_at, .. } => *kill_at,
            Phase::BackOff { until } => Some(*until),
            _ => None,
        }
    }

    /// Orders the start of the next run.
    pub(crate) fn launch(&mut self, now: u64, actions: &mut Vec<Action>) {
        if self.run > 0 {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.run += 1;
        self.run_since = now;
        self.enter(Phase::Launching, now);
        actions.push(Action::Start { service: self.spec.name.clone() });
    }

    /// Notes that the main process runs.
    pub(crate) fn started(&mut self, pid: u32, now: u64, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::Launching => {
                let ask_at = self.readiness_probe().is_some().then_some(now);
                let running = Running { pid, ask_at, refusals: 0 };
                self.enter(Phase::Starting(running), now);
                if self.spec.readiness.is_none() {
                    self.become_ready(now);
                }
            }
            // Asked to end while the start was on its way.
            Phase::Stopping { pid: None, .. } => self.signal_to_stop(Some(pid), now, actions),
            _ => {}
        }
    }

    /// Notes that it is ready, if it was only starting.
    pub(crate) fn become_ready(&mut self, now: u64) {
        if let Phase::Starting(running) = &self.phase {
            let ask_at = self.spec.health.as_ref().map(|h| now + u64::from(h.interval_secs) * 1000);
            let running = Running { ask_at, refusals: 0, ..running.clone() };
            self.enter(Phase::Ready(running), now);
        }
    }

    /// Asks it to end, whatever it does at the moment.
    pub(crate) fn stop(&mut self, now: u64, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::Starting(_) | Phase::Ready(_) => {
                self.outcome = Outcome::Asked;
                self.signal_to_stop(self.pid(), now, actions);
            }
            Phase::Launching => {
                self.outcome = Outcome::Asked;
                self.enter(Phase::Stopping { pid: None, kill_at: None }, now);
            }
            Phase::Stopping { .. } | Phase::Clearing => self.outcome = Outcome::Asked,
            Phase::Waiting | Phase::BackOff { .. } | Phase::Done | Phase::Failed => {
                self.enter(Phase::Waiting, now);
            }
        }
    }

    /// Sends the stop signal and sets the grace.
    pub(crate) fn signal_to_stop(&mut self, pid: Option<u32>, now: u64, actions: &mut Vec<Action>) {
        let service = self.spec.name.clone();
        let kill_at = now + u64::from(self.spec.stop.grace_secs) * 1000;
        self.enter(Phase::Stopping { pid, kill_at: Some(kill_at) }, now);
        actions.push(Action::StopProbes { service: service.clone() });
        if let Some(pid) = pid {
            actions.push(Action::Signal { service, pid, signal: self.spec.stop.signal });
        }
    }

    /// Kills it: its group, or its main process if it delegates the group.
    pub(crate) fn kill(&mut self, now: u64, actions: &mut Vec<Action>) {
        let (service, pid) = (self.spec.name.clone(), self.pid());
        match pid {
            Some(pid) if self.spec.limits.delegate => {
                actions.push(Action::Signal { service, pid, signal: 9 });
            }
            _ => actions.push(Action::KillGroup { service }),
        }
        self.enter(Phase::Stopping { pid, kill_at: None }, now);
    }

    /// Notes how the main process ended. Returns whether the service has nothing left to clear.
    pub(crate) fn ended(&mut self, end: End, now: u64, actions: &mut Vec<Action>) -> bool {
        match self.phase {
            Phase::Launching | Phase::Starting(_) | Phase::Ready(_) => self.outcome = end.outcome,
            // Why it was stopped counts, not how it took it.
            Phase::Stopping { .. } => {}
            Phase::Waiting | Phase::Clearing | Phase::BackOff { .. } | Phase::Done | Phase::Failed => {
                return false;
            }
        }
        if now.saturating_sub(self.run_since) >= u64::from(self.spec.restart.reset_secs) * 1000 {
            self.failures = 0;
        }
        self.last_exit = Some(end.how);
        actions.push(Action::StopProbes { service: end.service.clone() });
        self.enter(Phase::Clearing, now);
        if !self.spec.limits.delegate {
            actions.push(Action::Clear { service: end.service });
        }
        self.spec.limits.delegate
    }

    /// Decides what follows a run of which nothing is left. Only for a service that is still wanted.
    pub(crate) fn after_run(&mut self, now: u64, jitter: u32) {
        if let Some(spec) = self.pending.take() {
            self.spec = spec;
            self.failures = 0;
            return self.enter(Phase::Waiting, now);
        }
        let next = match (self.outcome, self.spec.restart.policy) {
            (Outcome::Asked, _) => Phase::Waiting,
            (Outcome::Success, _) if self.is_task() => Phase::Done,
            (Outcome::Success, RestartPolicy::OnFailure | RestartPolicy::Never) => Phase::Done,
            (Outcome::Failure, RestartPolicy::Never) => Phase::Failed,
            (Outcome::Success, RestartPolicy::Always)
            | (Outcome::Failure, RestartPolicy::Always | RestartPolicy::OnFailure) => {
                self.failures = self.failures.saturating_add(1);
                let until = now + pause::restart_ms(&self.spec.restart, self.failures, jitter);
                Phase::BackOff { until }
            }
        };
        self.enter(next, now);
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: u64, actions: &mut Vec<Action>) {
        if self.due_ms().is_none_or(|due| due > now) {
            return;
        }
        match &mut self.phase {
            Phase::Starting(running) => {
                running.ask_at = None;
                self.ask(ProbeKind::Readiness, actions);
            }
            Phase::Ready(running) => {
                running.ask_at = None;
                self.ask(ProbeKind::Health, actions);
            }
            Phase::Stopping { .. } => {
                let service = &self.spec.name;
                let grace = self.spec.stop.grace_secs;
                actions.push(Action::Say { text: format!("{service} did not end in {grace} s, killing it") });
                self.kill(now, actions);
            }
            Phase::BackOff { .. } => self.enter(Phase::Waiting, now),
            Phase::Waiting | Phase::Launching | Phase::Clearing | Phase::Done | Phase::Failed => {}
        }
    }

    /// Takes the answer of a probe of the present run.
    pub(crate) fn probed(&mut self, (kind, yes): (ProbeKind, bool), now: u64, actions: &mut Vec<Action>) {
        let health = self.spec.health.as_ref().map(|h| (u64::from(h.interval_secs) * 1000, h.failures));
        match (&mut self.phase, kind) {
            (Phase::Starting(_), ProbeKind::Readiness) if yes => self.become_ready(now),
            (Phase::Starting(running), ProbeKind::Readiness) => {
                running.refusals = running.refusals.saturating_add(1);
                running.ask_at = Some(now + pause::probe_ms(running.refusals));
            }
            (Phase::Ready(running), ProbeKind::Health) => {
                let Some((interval, limit)) = health else { return };
                running.refusals = if yes { 0 } else { running.refusals.saturating_add(1) };
                running.ask_at = Some(now + interval);
                let (pid, refusals) = (running.pid, running.refusals);
                if refusals >= limit {
                    let text = format!("{} failed its health check {refusals} times", self.spec.name);
                    actions.push(Action::Say { text });
                    self.outcome = Outcome::Failure;
                    self.signal_to_stop(Some(pid), now, actions);
                }
            }
            // An answer that comes too late changes nothing.
            _ => {}
        }
    }

    /// Returns the readiness probe that has to be asked, if it is one of that sort.
    fn readiness_probe(&self) -> Option<&Probe> {
        match self.spec.readiness.as_ref()? {
            Probe::Exit | Probe::Notify => None,
            asked @ (Probe::Exec(_) | Probe::Http { .. } | Probe::Tcp { .. } | Probe::File(_)) => Some(asked),
        }
    }

    /// Sends a probe out.
    fn ask(&self, kind: ProbeKind, actions: &mut Vec<Action>) {
        let health = self.spec.health.as_ref();
        let (probe, timeout_ms) = match kind {
            ProbeKind::Readiness => {
                let probe = self.readiness_probe();
                (probe, (!matches!(probe, Some(Probe::Exec(_)))).then_some(READINESS_MS))
            }
            ProbeKind::Health => {
                let interval = health.map_or(0, |h| u64::from(h.interval_secs) * 1000);
                (health.map(|h| &h.probe), Some(interval.max(MIN_HEALTH_MS)))
            }
        };
        if let Some(probe) = probe.cloned() {
            let service = self.spec.name.clone();
            actions.push(Action::Probe { service, run: self.run, kind, probe, timeout_ms });
        }
    }
}

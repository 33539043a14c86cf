//! A step: one event and all its consequences.

use std::collections::{BTreeMap, BTreeSet};

use control::ServiceSpec;

use crate::message::{Action, Event};
use crate::phase::{End, Outcome, Phase};
use crate::service::Service;

/// When an ordered shutdown has taken this long, in milliseconds, all that is left is killed.
pub const SHUTDOWN_LIMIT_MS: u64 = 90_000;

/// The state of all services.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    pub(crate) services: BTreeMap<String, Service>,
    /// Name of the built-in service, which belongs to no submitted set.
    builtin: Option<String>,
    /// Set by a shutdown: when patience ends. `u64::MAX` once it has.
    pub(crate) force_at: Option<u64>,
}

impl Supervisor {
    /// Returns a supervisor with one service of its own, which no [`Event::Submit`] touches.
    #[must_use]
    pub fn new(builtin: ServiceSpec, now_ms: u64) -> Supervisor {
        let name = builtin.name.clone();
        let services = BTreeMap::from([(name.clone(), Service::new(builtin, now_ms))]);
        Supervisor { services, builtin: Some(name), force_at: None }
    }

    /// Takes an event and returns what is to be done, in order.
    ///
    /// `now_ms` must never run backwards; `jitter` is any number, best a random one. Events about
    /// services that are not there, or that come too late, change nothing. The set of
    /// [`Event::Submit`] must be valid ([`control::validate_all`]); it is ignored in a shutdown.
    pub fn step(&mut self, event: Event, now_ms: u64, jitter: u32) -> Vec<Action> {
        let mut actions = Vec::new();
        self.take(event, (now_ms, jitter), &mut actions);
        self.stop_unwanted(now_ms, &mut actions);
        self.force(now_ms, &mut actions);
        self.forget(&mut actions);
        self.launch_ready(now_ms, &mut actions);
        actions
    }

    /// Changes what the event itself changes.
    fn take(&mut self, event: Event, (now, jitter): (u64, u32), actions: &mut Vec<Action>) {
        match event {
            Event::Submit(set) => self.submit(set, now, actions),
            Event::Shutdown => {
                self.force_at.get_or_insert(now + SHUTDOWN_LIMIT_MS);
                self.services.values_mut().for_each(|s| s.wanted = false);
            }
            Event::Tick => self.services.values_mut().for_each(|s| s.tick(now, actions)),
            Event::Restart(service) => {
                if let Some(s) = self.services.get_mut(&service) {
                    s.failures = 0;
                    s.stop(now, actions);
                }
            }
            Event::Started { service, pid } => {
                if let Some(s) = self.services.get_mut(&service) {
                    s.started(pid, now, actions);
                }
            }
            Event::StartFailed { service, reason } => {
                let how = format!("could not start: {reason}");
                self.ended(End { service, outcome: Outcome::Failure, how }, (now, jitter), actions);
            }
            Event::Exited { service, success, how } => {
                let outcome = if success { Outcome::Success } else { Outcome::Failure };
                self.ended(End { service, outcome, how }, (now, jitter), actions);
            }
            Event::Cleared { service } => self.cleared(&service, now, jitter),
            Event::Probed { service, run, kind, yes } => {
                if let Some(s) = self.services.get_mut(&service).filter(|s| s.run == run) {
                    s.probed((kind, yes), now, actions);
                }
            }
            Event::Notified { service } => {
                let notifies = |s: &&mut Service| s.spec.readiness == Some(control::Probe::Notify);
                if let Some(s) = self.services.get_mut(&service).filter(notifies) {
                    s.become_ready(now);
                }
            }
        }
    }

    /// Makes the set the wanted one.
    fn submit(&mut self, set: Vec<ServiceSpec>, now: u64, actions: &mut Vec<Action>) {
        if self.is_shutting_down() {
            return;
        }
        let builtin = self.builtin.clone();
        for (_, s) in self.services.iter_mut().filter(|(name, _)| Some(*name) != builtin.as_ref()) {
            s.wanted = false;
        }
        for spec in set.into_iter().filter(|s| Some(&s.name) != builtin.as_ref()) {
            match self.services.get_mut(&spec.name) {
                None => {
                    self.services.insert(spec.name.clone(), Service::new(spec, now));
                }
                Some(s) => want(s, spec, now, actions),
            }
        }
    }

    /// Notes the end of a main process, or that there was none.
    fn ended(&mut self, end: End, (now, jitter): (u64, u32), actions: &mut Vec<Action>) {
        let service = end.service.clone();
        let Some(s) = self.services.get_mut(&service) else { return };
        if end.outcome == Outcome::Failure && !matches!(s.phase, Phase::Stopping { .. }) {
            actions.push(Action::Say { text: format!("{service} ended: {}", end.how) });
        }
        if s.ended(end, now, actions) {
            self.cleared(&service, now, jitter);
        }
    }

    /// Notes that nothing is left of a run.
    fn cleared(&mut self, service: &str, now: u64, jitter: u32) {
        let Some(s) = self.services.get_mut(service) else { return };
        match (&s.phase, s.wanted) {
            (Phase::Clearing, true) => s.after_run(now, jitter),
            // Nobody waits for it: forgotten at the end of the step.
            (Phase::Clearing, false) => s.enter(Phase::Waiting, now),
            _ => {}
        }
    }

    /// Asks those to end that are no longer wanted and on which nothing unwanted that lives depends.
    fn stop_unwanted(&mut self, now: u64, actions: &mut Vec<Action>) {
        let unwanted = || self.services.values().filter(|s| !s.wanted && s.is_alive());
        let held: BTreeSet<String> = unwanted().flat_map(|s| s.spec.after.iter().cloned()).collect();
        for s in self.services.values_mut().filter(|s| !s.wanted) {
            let going = matches!(s.phase, Phase::Stopping { .. } | Phase::Clearing);
            if !held.contains(&s.spec.name) && !going {
                s.stop(now, actions);
            }
        }
    }

    /// Kills what is left when a shutdown has taken too long.
    fn force(&mut self, now: u64, actions: &mut Vec<Action>) {
        if self.force_at.is_none_or(|at| at > now) {
            return;
        }
        self.force_at = Some(u64::MAX);
        for s in self.services.values_mut() {
            if matches!(s.phase, Phase::Starting(_) | Phase::Ready(_) | Phase::Stopping { .. }) {
                s.outcome = Outcome::Asked;
                s.kill(now, actions);
            }
        }
    }

    /// Forgets unwanted services of which nothing lives.
    fn forget(&mut self, actions: &mut Vec<Action>) {
        self.services.retain(|name, s| {
            let stays = s.wanted || s.is_alive();
            if !stays {
                actions.push(Action::Forget { service: name.clone() });
            }
            stays
        });
    }

    /// Orders the start of every waiting service whose dependencies are ready.
    fn launch_ready(&mut self, now: u64, actions: &mut Vec<Action>) {
        let ready: BTreeSet<String> =
            self.services.values().filter(|s| s.is_ready()).map(|s| s.spec.name.clone()).collect();
        for s in self.services.values_mut() {
            if s.phase == Phase::Waiting && s.spec.after.is_subset(&ready) {
                s.launch(now, actions);
            }
        }
    }
}

/// Makes an existing service wanted under `spec`.
fn want(s: &mut Service, spec: ServiceSpec, now: u64, actions: &mut Vec<Action>) {
    s.wanted = true;
    if s.spec == spec {
        // A change that was on its way is taken back; a stop that was, ends in a new start.
        s.pending = None;
    } else if s.is_alive() {
        s.pending = Some(spec);
        s.stop(now, actions);
    } else {
        *s = Service {
            restarts: s.restarts,
            run: s.run,
            last_exit: s.last_exit.clone(),
            ..Service::new(spec, now)
        };
    }
}

//! Queries to the supervisor.

use control::{ServiceSpec, ServiceState, ServiceStatus};

use crate::phase::Phase;
use crate::service::Service;
use crate::step::Supervisor;

impl Supervisor {
    /// Returns the state of all services, by name.
    #[must_use]
    pub fn status(&self) -> Vec<ServiceStatus> {
        self.services.values().map(status).collect()
    }

    /// Returns the specification that the present run of a service goes by.
    #[must_use]
    pub fn spec(&self, service: &str) -> Option<&ServiceSpec> {
        self.services.get(service).map(|s| &s.spec)
    }

    /// Returns the service whose main process this is.
    #[must_use]
    pub fn service_of(&self, pid: u32) -> Option<&str> {
        self.services.values().find(|s| s.pid() == Some(pid)).map(|s| s.spec.name.as_str())
    }

    /// Returns whether everything was told to end.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.force_at.is_some()
    }

    /// Returns whether everything was told to end and has ended.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is_shutting_down() && self.services.is_empty()
    }

    /// Returns when [`crate::Event::Tick`] is wanted next, in the milliseconds of `now_ms`.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        self.services.values().filter_map(Service::due_ms).chain(self.force_at).min()
    }
}

/// Returns a service as the socket shows it.
fn status(s: &Service) -> ServiceStatus {
    let state = match s.phase {
        Phase::Waiting => ServiceState::Waiting,
        Phase::Launching | Phase::Starting(_) => ServiceState::Starting,
        Phase::Ready(_) => ServiceState::Ready,
        Phase::Stopping { .. } | Phase::Clearing => ServiceState::Stopping,
        Phase::BackOff { .. } => ServiceState::BackOff,
        Phase::Done => ServiceState::Done,
        Phase::Failed => ServiceState::Failed,
    };
    ServiceStatus {
        name: s.spec.name.clone(),
        state,
        pid: s.pid(),
        restarts: s.restarts,
        last_exit: s.last_exit.clone(),
        since_ms: s.since,
        usage: None,
    }
}

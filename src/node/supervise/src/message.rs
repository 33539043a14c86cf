//! Events and actions.

use control::{Probe, ServiceSpec};

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A complete, valid set of services replaces the last one.
    Submit(Vec<ServiceSpec>),
    /// Somebody wants this service restarted, or started if it has ended.
    Restart(String),
    /// A start succeeded.
    Started {
        /// The service.
        service: String,
        /// Its main process.
        pid: u32,
    },
    /// A start failed; there is no process.
    StartFailed {
        /// The service.
        service: String,
        /// Why.
        reason: String,
    },
    /// The main process has ended.
    Exited {
        /// The service.
        service: String,
        /// It ended with exit code 0.
        success: bool,
        /// How it ended, for people.
        how: String,
    },
    /// Nothing is left of the service's group.
    Cleared {
        /// The service.
        service: String,
    },
    /// A probe was answered.
    Probed {
        /// The service.
        service: String,
        /// The run it was about, as in [`Action::Probe`].
        run: u64,
        /// What it was for.
        kind: ProbeKind,
        /// Yes or no.
        yes: bool,
    },
    /// The service said that it is ready.
    Notified {
        /// The service.
        service: String,
    },
    /// Time has passed.
    Tick,
    /// Everything is to end.
    Shutdown,
}

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Whether the service is ready.
    Readiness,
    /// Whether it still is well.
    Health,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Start the main process. The file of a [`Probe::File`] readiness is removed before.
    Start {
        /// The service; it has no process.
        service: String,
    },
    /// Send a signal to the main process.
    Signal {
        /// The service.
        service: String,
        /// The process.
        pid: u32,
        /// Signal number.
        signal: i32,
    },
    /// Kill every process of the service's group, the main one included.
    KillGroup {
        /// The service.
        service: String,
    },
    /// See to it that nothing is left of the group, then answer [`Event::Cleared`].
    Clear {
        /// The service; its main process has ended.
        service: String,
    },
    /// Ask a probe once.
    Probe {
        /// The service.
        service: String,
        /// The run that it is about.
        run: u64,
        /// What it is for.
        kind: ProbeKind,
        /// The question.
        probe: Probe,
        /// After this time the answer is no; `None` waits for as long as it takes.
        timeout_ms: Option<u64>,
    },
    /// Forget all unanswered probes of the service, and kill their commands.
    StopProbes {
        /// The service.
        service: String,
    },
    /// The service is no more: its group can be removed.
    Forget {
        /// The service.
        service: String,
    },
    /// Something that an operator should read.
    Say {
        /// One line.
        text: String,
    },
}

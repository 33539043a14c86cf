//! The phases of a service.

/// A service's phase; the drawing in the crate's doc shows how they follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its dependencies are not ready.
    Waiting,
    /// A start was ordered.
    Launching,
    /// Its process runs.
    Starting(Running),
    /// Its process runs and it is ready.
    Ready(Running),
    /// It was asked to end.
    Stopping {
        /// The main process; `None` while its start is not yet answered.
        pid: Option<u32>,
        /// When the grace is over; `None` when it was killed already.
        kill_at: Option<u64>,
    },
    /// The main process has ended, the rest is being killed.
    Clearing,
    /// It will be started again.
    BackOff {
        /// When.
        until: u64,
    },
    /// It ended with success and stays so.
    Done,
    /// It failed and stays so.
    Failed,
}

/// A running main process and what is asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// The process.
    pub(crate) pid: u32,
    /// When to ask next; `None` while a probe is out or there is nothing to ask.
    pub(crate) ask_at: Option<u64>,
    /// Answers with no: so far for readiness, in a row for health.
    pub(crate) refusals: u32,
}

/// How the last run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// By itself, with success.
    Success,
    /// By itself without success, killed by somebody else, or sick.
    Failure,
    /// Because it was asked to.
    Asked,
}

/// The end of a run.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// Whose.
    pub(crate) service: String,
    /// As the main process ended.
    pub(crate) outcome: Outcome,
    /// The same for people.
    pub(crate) how: String,
}

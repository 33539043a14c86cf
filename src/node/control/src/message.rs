//! Requests and replies.

use serde::{Deserialize, Serialize};
use slots::Slot;

use crate::boot::{BootOrder, BootStatus, FreeSlot};
use crate::service::ServiceSpec;

/// What `noded` asks of `init`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "request")]
pub enum Request {
    /// Declares the complete set of services. New ones start when their dependencies are ready, missing
    /// ones are stopped, changed ones are restarted, equal ones are left alone: submitting the same set
    /// again (after a restart of `noded`) disturbs nothing. `noded` itself is never part of it.
    Submit {
        /// All services.
        services: Vec<ServiceSpec>,
    },
    /// Restarts one service, or starts it if it has ended.
    Restart {
        /// Name of the service.
        service: String,
    },
    /// Sends a signal to the main process of a service; what follows is up to the service's restart
    /// policy.
    Signal {
        /// Name of the service.
        service: String,
        /// Signal number, 1 to 64.
        signal: i32,
    },
    /// Asks for the state of everything. Answered by [`Reply::Status`].
    Status {
        /// With what each service uses: to sum that up costs the kernel a millisecond a service, which is too
        /// much for those who ask several times a second.
        usage: bool,
    },
    /// Asks for log lines. Answered by [`Reply::Logs`]; with `follow`, new lines come as [`Reply::Followed`] from then
    /// on, between the answers to other requests, until [`Request::Unfollow`] or the connection is closed. One
    /// connection may follow all logs; only a few connections may follow at all.
    Logs {
        /// Name of the service; `init` and `kernel` have logs too.
        service: String,
        /// How many of the last lines, at most 10,000.
        lines: u32,
        /// Keep sending new ones.
        follow: bool,
    },
    /// Ends the following of a log on this connection; no error if there is none.
    Unfollow {
        /// Name of the service.
        service: String,
    },
    /// Records that a boot stage was reached now; the first time counts.
    Stage {
        /// Name of the stage, such as `network`.
        name: String,
    },
    /// Reports how the node is. The first report says that `noded` runs; while a trial lasts they are
    /// expected every few seconds.
    Health {
        /// What is still wrong, in one line; absent when nothing is.
        problem: Option<String>,
        /// Seconds since the kernel started within which a generation on trial must be healthy.
        deadline_secs: Option<u32>,
    },
    /// Says that the ledger of the state counts what the running generation writes as a blessed one's: it may be
    /// blessed now. Asked for by [`Trial::seal`](crate::Trial::seal).
    StateSealed,
    /// Asks whether [`BootOrder::BeginUpdate`] would be refused now; nothing changes. Answered by [`Reply::Ok`]
    /// or [`Reply::Refused`].
    MayUpdate,
    /// Changes what the next boot will start. Answered by [`Reply::Ok`], [`Reply::Free`] or
    /// [`Reply::Refused`].
    Boot {
        /// What is wanted.
        order: BootOrder,
    },
    /// Reports that a part of a slot is damaged, to be noted in the boot record. No try is taken.
    SlotRotten {
        /// Which one.
        slot: Slot,
        /// The generation that was read there; if it is another one by now, nothing is noted.
        generation: u32,
    },
    /// Stops everything in order, unmounts, then leaves.
    Shutdown {
        /// What follows.
        kind: ShutdownKind,
    },
}

/// What follows a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShutdownKind {
    /// The machine starts again.
    Reboot,
    /// The machine is switched off.
    PowerOff,
}

/// What `init` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reply")]
pub enum Reply {
    /// The request was taken.
    Ok,
    /// The request was refused, nothing changed.
    Error {
        /// One line, why.
        message: String,
    },
    /// The state of the slots forbids it; nothing changed.
    Refused {
        /// One line, why.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// Answers [`BootOrder::BeginUpdate`].
    Free(FreeSlot),
    /// Answers [`Request::Status`].
    Status(Status),
    /// Answers [`Request::Logs`].
    Logs {
        /// Lines, oldest first.
        lines: Vec<LogLine>,
    },
    /// New lines of a log that the connection follows; answers no request.
    Followed {
        /// Name of the service.
        service: String,
        /// Lines, oldest first.
        lines: Vec<LogLine>,
    },
}

/// Everything `init` knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// All services, by name, `noded` among them.
    pub services: Vec<ServiceStatus>,
    /// Boot stages in the order in which they were reached.
    pub stages: Vec<Stage>,
    /// Milliseconds since the kernel started.
    pub uptime_ms: u64,
    /// A shutdown is under way.
    pub shutting_down: bool,
    /// Slots and trial; absent when the disk has no boot record.
    #[serde(default)]
    pub boot: Option<BootStatus>,
}

/// A moment of the boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Name, such as `init`, `root` or `network`.
    pub name: String,
    /// Milliseconds since the kernel started.
    pub at_ms: u64,
}

/// Where a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// Its dependencies are not ready.
    Waiting,
    /// Its process runs, it is not ready yet.
    Starting,
    /// It runs and is ready.
    Ready,
    /// It was asked to end.
    Stopping,
    /// It ended and will be started again after a pause.
    BackOff,
    /// It ended with success and stays so.
    Done,
    /// It failed and stays so.
    Failed,
}

/// One service as `init` sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Name.
    pub name: String,
    /// Where it stands.
    pub state: ServiceState,
    /// Main process, when it runs.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
    /// How it ended last: `exit code 1`, `signal 9`, or why it could not start.
    pub last_exit: Option<String>,
    /// Milliseconds since the kernel started, when it entered this state.
    pub since_ms: u64,
    /// What its cgroup has used; absent when it has none, or was not asked for.
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// What a service's cgroup uses, containers that it delegates to excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Memory of its own in bytes: anonymous pages, no file cache.
    pub memory_bytes: u64,
    /// Processor time since the service started last, in milliseconds.
    pub cpu_ms: u64,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since the kernel started.
    pub at_ms: u64,
    /// The text without line end, at most 16 KiB; bytes that are no UTF-8 are replaced.
    pub text: String,
}

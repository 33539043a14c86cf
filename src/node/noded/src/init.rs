//! The client for the socket of `init`: one short connection per request.
//!
//! Blocking: called from threads, never from the async side directly.

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use control::{
    BootOrder, FreeSlot, LogLine, Reply, Request, ServiceSpec, ShutdownKind, Status, read_message,
    write_message,
};
use slots::Slot;

/// Time limit for a response: `init` never blocks, but an emulated machine is slow.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why the state of the slots forbids an order, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, in one line.
    pub message: String,
    /// The remedy.
    pub hint: String,
}

/// The client of `init`.
#[derive(Clone, Debug)]
pub struct Init {
    socket: PathBuf,
}

impl Init {
    /// Returns a client for the socket; nothing is sent yet.
    pub fn at(socket: &Path) -> Init {
        Init { socket: socket.to_owned() }
    }

    /// Requests the status, without the resources that services use.
    pub fn status(&self) -> Result<Status> {
        self.ask_status(false)
    }

    /// Requests the status, including the resources that services use.
    pub fn status_with_usage(&self) -> Result<Status> {
        self.ask_status(true)
    }

    fn ask_status(&self, usage: bool) -> Result<Status> {
        match self.ask(&Request::Status { usage })? {
            Reply::Status(status) => Ok(status),
            other => unexpected(other),
        }
    }

    /// Records that a boot stage was reached; a failure is logged and otherwise ignored.
    pub fn stage(&self, name: &str) {
        if let Err(e) = self.order(&Request::Stage { name: name.to_owned() }) {
            eprintln!("noded: recording stage {name}: {e:#}");
        }
    }

    /// Submits the complete set of services.
    pub fn submit(&self, services: Vec<ServiceSpec>) -> Result<()> {
        self.order(&Request::Submit { services })
    }

    /// Restarts a service.
    pub fn restart(&self, service: &str) -> Result<()> {
        self.order(&Request::Restart { service: service.to_owned() })
    }

    /// Sends a signal to the main process of a service.
    pub fn signal(&self, service: &str, signal: i32) -> Result<()> {
        self.order(&Request::Signal { service: service.to_owned(), signal })
    }

    /// Reports what is wrong with the node, if anything, and the deadline of a trial.
    pub fn health(&self, problem: Option<String>, deadline_secs: u32) -> Result<()> {
        self.order(&Request::Health { problem, deadline_secs: Some(deadline_secs) })
    }

    /// Says that the state's ledger knows of the blessing to come.
    pub fn state_is_sealed(&self) -> Result<()> {
        self.order(&Request::StateSealed)
    }

    /// Reports that the node is running but in maintenance, and why. That is not the generation's fault, so a
    /// blessed one keeps its tries. A trial ends at `deadline_secs` after the kernel's start, if it says one. A failure is logged and does no harm, since the next report follows soon.
    pub fn waiting(&self, problem: &str, deadline_secs: Option<u32>) {
        let problem = Some(problem.to_owned());
        if let Err(e) = self.order(&Request::Health { problem, deadline_secs }) {
            eprintln!("noded: reporting health: {e:#}");
        }
    }

    /// Changes what the next boot starts; the inner error is a refusal.
    pub fn boot(&self, order: BootOrder) -> Result<Result<(), Refusal>> {
        self.permission(&Request::Boot { order })
    }

    /// Asks whether an update may begin now; the inner error is a refusal.
    pub fn may_update(&self) -> Result<Result<(), Refusal>> {
        self.permission(&Request::MayUpdate)
    }

    /// Releases the inactive slot for writing; the inner error is a refusal.
    pub fn begin_update(&self) -> Result<Result<FreeSlot, Refusal>> {
        match self.ask(&Request::Boot { order: BootOrder::BeginUpdate })? {
            Reply::Free(slot) => Ok(Ok(slot)),
            Reply::Refused { message, hint } => Ok(Err(Refusal { message, hint })),
            other => unexpected(other),
        }
    }

    /// Records in the boot record that the slot with this generation is damaged.
    pub fn slot_rotten(&self, slot: Slot, generation: u32) -> Result<()> {
        self.order(&Request::SlotRotten { slot, generation })
    }

    /// Stops everything, then reboots or powers off.
    pub fn shutdown(&self, kind: ShutdownKind) -> Result<()> {
        self.order(&Request::Shutdown { kind })
    }

    /// Reads the last lines of a log.
    pub fn logs(&self, service: &str, lines: u32) -> Result<Vec<LogLine>> {
        match self.ask(&Request::Logs { service: service.to_owned(), lines, follow: false })? {
            Reply::Logs { lines } => Ok(lines),
            other => unexpected(other),
        }
    }

    /// Sends a request that is answered with success or an error.
    fn order(&self, request: &Request) -> Result<()> {
        match self.ask(request)? {
            Reply::Ok => Ok(()),
            other => unexpected(other),
        }
    }

    /// Sends a request that the state of the slots may forbid.
    fn permission(&self, request: &Request) -> Result<Result<(), Refusal>> {
        match self.ask(request)? {
            Reply::Ok => Ok(Ok(())),
            Reply::Refused { message, hint } => Ok(Err(Refusal { message, hint })),
            other => unexpected(other),
        }
    }

    fn ask(&self, request: &Request) -> Result<Reply> {
        let stream = self.connect()?;
        write_message(&stream, request)?;
        read_message(&mut BufReader::new(&stream))?.context("init closed the connection")
    }

    /// Opens a connection of its own, for what one request is not enough for.
    pub fn connect(&self) -> Result<UnixStream> {
        let stream = UnixStream::connect(&self.socket)
            .with_context(|| format!("connecting to init at {}", self.socket.display()))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(stream)
    }
}

/// Converts an unexpected response to an error.
fn unexpected<T>(reply: Reply) -> Result<T> {
    match reply {
        Reply::Error { message } | Reply::Refused { message, .. } => bail!("{message}"),
        _ => bail!("init gave an answer to another question"),
    }
}

//! The protocol of the unix socket between `init` and `noded`.
//!
//! `init` knows services, not Kubernetes: `noded` submits each service with all that `init` needs to
//! run it. One message is one line of JSON, at most [`MAX_LINE_BYTES`] long; a connection carries
//! requests one after the other, each answered by one [`Reply`] ([`Request::Logs`] with `follow` also by a
//! stream of [`Reply::Followed`]). The socket is owned by root and mode 0600: whoever can open it is trusted.
#![forbid(unsafe_code)]

mod boot;
mod damage;
mod message;
mod service;
mod wire;

pub use boot::{BootOrder, BootStatus, FreeSlot, SlotStatus, Trial};
pub use damage::{DAMAGE_PATH, Damage, MAX_DAMAGE_BYTES};
pub use message::{LogLine, Reply, Request, ServiceState, ServiceStatus, ShutdownKind, Stage, Status, Usage};
pub use service::{
    Health, Limits, MAX_SERVICES, Probe, Restart, RestartPolicy, ServiceSpec, SpecError, Stop, User,
    validate_all,
};
pub use wire::{MAX_LINE_BYTES, WireError, read_message, write_message};

/// Where `init` listens.
pub const SOCKET_PATH: &str = "/run/ironhull/init.sock";
/// Where a service with [`Probe::Notify`] sends `READY=1`; `init` hands it over in `NOTIFY_SOCKET`.
pub const NOTIFY_PATH: &str = "/run/ironhull/notify.sock";
/// When this file was changed last is the latest time that the clock has shown; `init` touches it at the end, and
/// `noded` now and then. What is in it is `noded`'s.
pub const CLOCK_PATH: &str = "/state/clock";
/// Name of the one service that `init` starts by itself.
pub const NODED: &str = "noded";

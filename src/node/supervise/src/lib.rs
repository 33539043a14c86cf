//! The supervisor as a pure machine: events in, actions out. No system calls, no clock, no random numbers.
//!
//! # The model
//!
//! A **service** is a specification ([`control::ServiceSpec`]) that is either *wanted* or not. A wanted
//! service cycles through its phases; one that is not wanted is stopped and forgotten.
//!
//! ```text
//!            dependencies ready       process runs        probe says yes
//!  Waiting ────────────────▶ Launching ────────▶ Starting ────────────▶ Ready
//!     ▲                          │                  │  asked to end,      │
//!     │ pause over               │ no process       ▼  sick              ▼
//!  BackOff ◀──────────────── Clearing ◀───────── Stopping ◀───────────────┘
//!     Done, Failed ◀─────────────┘  main process ended (from any phase in which it ran)
//! ```
//!
//! * **Launching**: a start was ordered and not confirmed yet. A service has at most one process, because only this
//!   phase starts one, and it is entered only when nothing of the last run is left.
//! * **Stopping**: the stop signal was sent; after the grace period the whole group is killed.
//! * **Clearing**: the main process has ended, the rest of its group is being killed; left when the group
//!   is empty. A service that delegates its group (containerd, whose containers must outlive it) has no
//!   such phase: only its main process is ever killed.
//! * **BackOff**: the pause before the next start. It doubles with each run that ended early, up to a
//!   limit, and is reset after a long enough run. Jitter subtracts up to half of it.
//! * **Done**, **Failed**: ended for good, by its restart policy. A *task* ([`control::Probe::Exit`]) is
//!   ready for others when it is Done; a daemon is ready only while it is Ready.
//!
//! **Dependencies** order starts only: a service starts when all that it names are ready, so everything
//! starts as parallel as that allows. When a dependency ends later, its dependents run on; they are
//! Kubernetes components, which retry. In a shutdown, and among services that a new set no longer has,
//! dependencies order stops in reverse: a service is asked to stop when nothing that depends on it is left.
//! After [`SHUTDOWN_LIMIT_MS`], everything that is left is killed.
//!
//! **A new set** ([`Event::Submit`]) leaves services alone whose specification is equal, restarts those
//! whose specification changed, starts new ones, stops missing ones. A changed service keeps its old
//! specification until its old run has ended.
//!
//! **Probes**: readiness is probed repeatedly, with pauses growing from 20 ms to half a second;
//! health at its interval, and that many failures in a row stop the service as if it had failed. Answers
//! carry the number of their run, so that a late one is never mistaken for one of the current run.
//!
//! The caller carries out the actions and must answer each [`Action::Start`] with [`Event::Started`] or
//! [`Event::StartFailed`], each [`Action::Probe`] with [`Event::Probed`] unless it was told
//! [`Action::StopProbes`], and each [`Action::Clear`] with [`Event::Cleared`]; and must send
//! [`Event::Tick`] when [`Supervisor::next_ms`] has come.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::panic,
        clippy::unreachable
    )
)]

mod message;
mod pause;
mod phase;
mod service;
mod status;
mod step;

#[cfg(test)]
mod tests;

pub use message::{Action, Event, ProbeKind};
pub use step::{SHUTDOWN_LIMIT_MS, Supervisor};

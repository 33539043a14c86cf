//! The process that holds a pod's namespaces.
//!
//! It does nothing until it is terminated. Where the containers of a pod share one process namespace
//! it is process 1 there and so inherits orphans: it reaps them. It must set handlers of its own, since
//! the kernel gives process 1 no default ones: without them SIGTERM would be ignored and each pod would
//! take its whole grace period to end.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use rustix::process::{WaitOptions, wait};
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    let mut signals = match Signals::new([SIGCHLD, SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(e) => {
            eprintln!("pause: setting signal handlers: {e}");
            return ExitCode::FAILURE;
        }
    };
    // Children may have been left to us before the handler stood.
    reap();
    for signal in signals.forever() {
        match signal {
            SIGCHLD => reap(),
            _ => return ExitCode::SUCCESS,
        }
    }
    ExitCode::SUCCESS
}

/// Collects every child that has ended; signals may have been merged into one.
fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

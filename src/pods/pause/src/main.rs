//! The process that holds a pod's namespaces.
//!
//! It does nothing until it is terminated. If the containers of a pod share a PID namespace, it is process 1
//! there and inherits orphans, so it reaps them. It must install signal handlers, since the kernel applies no
//! default actions to process 1: without them SIGTERM would be ignored, and each pod would need its complete
//! grace period to end.
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
    // Children may have been inherited before the handler was installed.
    reap();
    for signal in signals.forever() {
        match signal {
            SIGCHLD => reap(),
            _ => return ExitCode::SUCCESS,
        }
    }
    ExitCode::SUCCESS
}

/// Reaps every child that has ended; several SIGCHLD may have been merged into one.
fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

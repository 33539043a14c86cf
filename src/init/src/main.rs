//! PID 1 of a node, in the initrd and on the root: one program, one process, three phases.
//!
//! [`early`] gets from the initrd to the verified root, [`run`] supervises, [`shutdown`] leaves. Their
//! duties have nothing in common but the [`base`] that they hand on.
//!
//! The law of this program: **it never ends by an error**. One thread, one event loop, no async runtime;
//! no indexing, `unwrap` or `expect` outside tests, nothing that waits for a slow peer, disk or program;
//! what fails is said and survived. The kernel panics, and `panic=` resets, if it ends all the same.
//!
//! It goes on in the same process after the change of root. An exec of the copy on the root would give
//! back the initrd's megabyte, but lose the watchdog's descriptor, the stages and the log so far, or
//! need a way to hand them on. What uses much memory (making a file system) is done in a child.
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

mod base;
mod blocks;
mod early;
mod record;
mod run;
mod shutdown;
mod voice;

use control::ShutdownKind;

use crate::base::Base;

/// How long in milliseconds a fatal message stays on the console before the machine starts again.
const FATAL_PAUSE_MS: u64 = 10_000;

fn main() {
    if std::process::id() != 1 {
        eprintln!("error: init is PID 1 of an Ironhull node, nothing else");
        std::process::exit(2);
    }
    let mut base = Base::new();
    match early::boot(&mut base) {
        Ok(booted) => {
            let kind = run::run(&mut base, &booted);
            shutdown::leave(&mut base, kind)
        }
        Err(error) => {
            base.voice.error(&format!("cannot start: {error:#}"));
            base.voice.error("starting again in 10 s");
            base.pause(FATAL_PAUSE_MS);
            shutdown::leave(&mut base, ShutdownKind::Reboot)
        }
    }
}

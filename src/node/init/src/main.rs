//! PID 1 of a node, in the initrd and on the root: one program, one process, three phases.
//!
//! [`early`] gets from the initrd to the verified root, [`run`] supervises, [`shutdown`] leaves. Their
//! duties have nothing in common but the [`base`] that they hand on.
//!
//! The law of this program: **it never ends by an error**. One thread, one event loop, no async runtime;
//! no indexing, `unwrap` or `expect` outside tests, nothing that waits for a slow peer, disk or program
//! ([`disk`] does the writing, children do what else may wait); failures are reported and survived. If it ends anyway, the kernel panics and `panic=` resets.
//!
//! It continues in the same process after the change of root. An exec of the copy on the root would free
//! the initrd's megabyte, but lose the watchdog's descriptor, the stages and the log so far, or
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
mod disk;
mod early;
mod efivar;
mod record;
mod run;
mod shutdown;
mod voice;

use std::time::Duration;

use control::ShutdownKind;

use crate::base::Base;

/// How long in milliseconds a fatal message stays on the console before the machine starts again.
const FATAL_PAUSE_MS: u64 = 10_000;
/// Longest wait for the boot record to take the reason.
const NOTE_LIMIT: Duration = Duration::from_secs(2);

fn main() {
    if std::process::id() != 1 {
        if std::env::args().nth(1).as_deref() == Some(disk::ARGUMENT) {
            // The connection to PID 1, which is also where errors would go, is over; it notices that.
            let served = disk::serve();
            std::process::exit(i32::from(served.is_err()));
        }
        eprintln!("error: init is PID 1 of an Ironhull node, nothing else");
        std::process::exit(2);
    }
    let mut base = Base::new();
    match early::boot(&mut base) {
        Ok(booted) => {
            let kind = run::run(&mut base, &booted);
            shutdown::leave(&mut base, kind)
        }
        Err(death) => {
            base.voice.error(&format!("cannot start: {death}"));
            note_death(&mut base, death.reason());
            base.voice.error("starting again in 10 s");
            base.pause(FATAL_PAUSE_MS);
            shutdown::leave(&mut base, ShutdownKind::Reboot)
        }
    }
}

/// Notes in the boot record why this start fails. In a child and with a limit: the disk may be what is
/// broken, and nothing may stand between this machine and its reset.
fn note_death(base: &mut Base, reason: slots::Reason) {
    let ended = sys::run_in_child_within(NOTE_LIMIT, || match record::note_death(reason) {
        Ok(Some(slot)) => {
            base.voice.error(&format!("recorded as the last failure of slot {slot}: {reason}"));
            true
        }
        Ok(None) => {
            base.voice.error("cannot tell which boot record belongs to this boot");
            true
        }
        Err(error) => {
            base.voice.error(&format!("recording it in the boot record: {error:#}"));
            false
        }
    });
    match ended {
        Ok(Some(_)) => {}
        Ok(None) => base.voice.error("the boot record can't be written in time"),
        Err(error) => base.voice.error(&error.to_string()),
    }
}

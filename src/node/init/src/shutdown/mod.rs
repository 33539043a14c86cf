//! Shutdown: everything that still runs is killed, every file system is unmounted or made read-only, then the machine
//! reboots or powers off.
//!
//! Services have ended in order by now. The root itself stays mounted: it is read-only, and this program
//! and its device-mapper device are in use until the very end, which needs nothing of them.

mod clock;
mod mounts;

use std::path::Path;
use std::time::SystemTime;

use control::ShutdownKind;
use sys::{Cgroup, Leave};

use crate::base::Base;

/// Where the cgroup hierarchy is mounted.
const HIERARCHY: &str = "/sys/fs/cgroup";
/// How long in milliseconds killed processes get to go away, and between two looks.
const GONE_MS: u64 = 5_000;
const LOOK_MS: u64 = 10;
/// How long in milliseconds writing everything to the disks and letting go of them may take; the machine stops without
/// it then.
const DISK_LIMIT_MS: u64 = 600_000;
/// Rounds of unmounting: a mount can hold another that is listed before it.
const ROUNDS: usize = 4;

/// Leaves the machine. Never returns; a kernel that refuses to go is asked again and again.
pub(crate) fn leave(base: &mut Base, kind: ShutdownKind) -> ! {
    kill_all(base);
    let let_go = base.in_child(DISK_LIMIT_MS, |base| {
        base.say(clock::keep(Path::new(control::CLOCK_PATH), SystemTime::now()));
        sys::sync_all();
        unmount_all(base);
        sys::sync_all();
    });
    base.say(let_go);
    let how = match kind {
        ShutdownKind::Reboot => Leave::Restart,
        ShutdownKind::PowerOff => Leave::PowerOff,
    };
    loop {
        if let Err(error) = sys::leave(how) {
            base.voice.error(&error.to_string());
        }
        base.pause(1_000);
    }
}

/// Kills all groups, pods among them, then whatever is in none.
fn kill_all(base: &mut Base) {
    let groups = Cgroup::at(HIERARCHY).children();
    for group in &groups {
        // One that has vanished has nobody to kill.
        drop(group.kill());
    }
    if let Err(error) = sys::kill_everything() {
        base.voice.error(&error.to_string());
    }
    let end = sys::boot_ms() + GONE_MS;
    loop {
        while sys::reap().is_some() {}
        if !groups.iter().any(Cgroup::is_populated) {
            return;
        }
        if sys::boot_ms() >= end {
            base.voice.error("some processes do not exit, shutting down anyway");
            return;
        }
        base.pause(LOOK_MS);
    }
}

/// Unmounts what can be, and makes the rest read-only.
fn unmount_all(base: &mut Base) {
    for _ in 0..ROUNDS {
        let failed =
            mounts::to_leave(&load_mounts()).into_iter().filter(|m| sys::unmount(Path::new(m)).is_err());
        if failed.count() == 0 {
            break;
        }
    }
    for mount in mounts::to_leave(&load_mounts()) {
        base.voice.error(&format!("{mount} is busy, remounting it read-only"));
        if let Err(error) = sys::remount_read_only(Path::new(&mount)) {
            base.voice.error(&error.to_string());
        }
    }
}

/// Reads the list of mounts; without `/proc` there is none.
fn load_mounts() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()
}

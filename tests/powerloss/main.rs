//! A power cut loses what was not flushed: every write of a node's disk is recorded, and disks that a cut can leave at
//! any point of the record are checked, their store is opened, and some of them are booted.
//!
//! Killing QEMU, as other suites do, loses nothing that the guest wrote, since the host keeps it. Here a disk has what
//! was flushed, and of each later write either all or nothing, chosen at random, however the writes were ordered. Each
//! disk must have two file systems that ext4's journal makes whole, a boot record that starts a slot, and a store with
//! all that the API server had acknowledged until then. Writes that were torn in the middle are left out: both file
//! systems and etcd rely on whole sectors, and the boot record's torn writes are tested on their own.
//!
//! `IRONHULL_DISKS` and `IRONHULL_BOOTS` set how many disks are checked and booted; `make powerloss-1000` takes
//! 1,000 and 20. A test prints what it did; none is judged by its time.

#![expect(clippy::unwrap_used, reason = "a step that fails is a behaviour that fails")]

mod cut;
mod judge;
mod record;
mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use e2e::lab::Lab;
use e2e::seed::Random;
use e2e::{image, setting, tool};

use cut::Cutter;
use record::Recording;

/// Programs and files that the test needs.
const TOOLS: &[&str] = &["qemu-system-x86_64", "qemu-img", "fsck.erofs", "debugfs", "e2fsck", "curl"];
/// Number of disks that are checked, unless the environment sets it.
const DISKS: usize = 40;
/// Number of disks that are booted, unless the environment sets it.
const BOOTS: usize = 2;
/// The store of one disk in so many is opened: it takes ten times as long as checking the disk.
const OPENED: usize = 4;
/// Name of the disk that is checked.
const CUT: &str = "cut.raw";

fn main() -> ExitCode {
    if !judges::present(TOOLS) {
        println!("0 disks, skipped");
        return ExitCode::SUCCESS;
    }
    let disks = setting::number("IRONHULL_DISKS", DISKS);
    let boots = setting::number("IRONHULL_BOOTS", BOOTS);
    let mut lab = Lab::new();
    let recording = record::first_boot_and_a_busy_minute(&mut lab);
    println!("recorded {}", recording.describe());
    let outcome = catch_unwind(AssertUnwindSafe(|| check(&mut lab, &recording, disks, boots)));
    match &outcome {
        Ok(seen) => println!("{seen}"),
        Err(_) => keep(&lab.dir().join("disks").join(CUT)),
    }
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Keeps a disk that was not whole, since the recording is another one in each run.
fn keep(disk: &Path) {
    let kept = tool::source_root().join("out/powerloss-failed.raw");
    image::copy(disk, &kept);
    println!("the disk is kept: {}", kept.display());
}

/// Checks `disks` disks, and boots `boots` of them; returns what was seen.
fn check(lab: &mut Lab, recording: &Recording, disks: usize, boots: usize) -> String {
    let mut random = Random::of("power loss");
    let etcd = lab.unpacked().join("usr/bin/etcd");
    let dir = lab.dir().join("disks");
    std::fs::create_dir(&dir).unwrap();
    let mut cutter = Cutter::new(recording, &dir.join("medium.raw"));
    let (mut opened, mut booted, mut left_out, mut acknowledged) = (0, 0, 0, 0);
    for (number, at) in cut::places(&mut random, &recording.log.events, disks).into_iter().enumerate() {
        let disk = dir.join(CUT);
        left_out += cutter.disk(at, &mut random, &disk);
        let expected = recording.acknowledged_until(at);
        // Spread over the whole record, its end included. The node itself replays the journals.
        if (number + 1) * boots / disks > number * boots / disks {
            boot(lab, &disk, expected);
            booted += 1;
            continue;
        }
        let state = judge::check(&disk, recording, &dir);
        if let Some(state) = state.filter(|_| number % OPENED == 0) {
            store::holds(&etcd, (&state, &dir), expected);
            acknowledged += expected;
            opened += 1;
        }
    }
    format!(
        "{} disks whole, {left_out} writes left out; {opened} stores opened, which held {acknowledged} acknowledged \
         objects; {booted} disks booted to a working cluster",
        disks - booted
    )
}

/// Boots a disk; its cluster must come up with everything that was acknowledged.
fn boot(lab: &mut Lab, disk: &Path, expected: usize) {
    let node = lab.other_node(record::NAME);
    record::replace_disk(&node, disk);
    node.run(&image::qcow2(), &[]);
    let names = node.kubectl(&["get", "configmaps", "--output=name"]);
    record::all_are_in(&names, expected);
    node.cut_power();
}

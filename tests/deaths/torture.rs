//! Power is cut at random times during an upgrade: the node boots the old generation or the new one, and that
//! one is complete.
//!
//! The disk of a machine whose process is stopped is the same as if the process were killed at that moment,
//! so one upgrade has several cuts: it is stopped for a copy of the disk and continued, and the copies are
//! booted afterwards. Its control plane can't start, so that only the upgrade is running. The node downloads
//! the bundle from a web server, whose first connection breaks. `make torture` makes a hundred cuts;
//! `IRONHULL_CUTS` sets the number.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use e2e::lab::Lab;
use e2e::seed::Random;
use e2e::{setting, tool};
use slots::Slot;

use crate::cuts;
use crate::disk::{Disk, text};
use crate::machine::{ANSWERS, STARTED, STARTING_2};
use crate::operator::Operator;
use crate::web_server;

/// Number of cuts, unless the environment sets it.
const CUTS: u32 = 10;
/// Maximum number of cuts in one upgrade: every copy of the disk takes up to 1 GB on the host.
const CUTS_PER_UPGRADE: u32 = 10;
/// Number of upgrades in parallel, if there are several: with one, a processor is idle while the copies boot.
const UPGRADES_AT_ONCE: usize = 2;
/// After this many cuts both generations must have been seen.
const ENOUGH: u32 = 20;
/// Latest time of a cut, relative to the start of the new generation: its first seconds are part of the
/// upgrade.
const BEYOND: f64 = 1.25;

/// The test.
pub fn show(lab: &Lab) -> String {
    let wanted = setting::number("IRONHULL_CUTS", CUTS);
    let made = Made::new(lab);
    let counts = (0..wanted).step_by(CUTS_PER_UPGRADE as usize).map(|n| CUTS_PER_UPGRADE.min(wanted - n));
    let workers = UPGRADES_AT_ONCE.min(counts.len());
    let upgrades = Mutex::new(counts.enumerate());
    let work = |worker: usize| {
        let operator = Operator::without_control_plane(lab, &format!("torture-config-{worker}"));
        // The duration of an upgrade while others run.
        let whole = undisturbed((lab, &format!("torture-whole-{worker}")), &made, &operator);
        let next = || upgrades.lock().unwrap().next();
        let cut = std::iter::from_fn(next).flat_map(|(upgrade, count)| {
            let times =
                cuts::times(&mut Random::of(&format!("torture {upgrade}")), count, whole.mul_f64(BEYOND));
            cut_upgrade((lab, &format!("torture-{upgrade}")), &made, &operator, &times)
        });
        (whole, cut.map(|disk| what_runs(&operator, &disk)).collect::<Vec<Slot>>())
    };
    let work = &work;
    let (wholes, ran): (Vec<Duration>, Vec<Vec<Slot>>) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).unzip()
    });
    let ran = ran.concat();
    let old = ran.iter().filter(|slot| **slot == Slot::A).count();
    let new = ran.len() - old;
    assert!(wanted < ENOUGH || (old > 0 && new > 0), "cut {wanted} times: {old} old, {new} new");
    let secs = wholes.iter().max().map_or(0.0, Duration::as_secs_f32);
    format!(
        "{wanted} cuts within the {secs:.0} s of an upgrade: {old} times the old generation, {new} times the new one"
    )
}

/// Upgrades a node; returns copies of its disk at each of these times.
fn cut_upgrade((lab, name): (&Lab, &str), made: &Made, operator: &Operator, times: &[Duration]) -> Vec<Disk> {
    let disk = made.disk(lab, name);
    let mut running = operator.machine().start(&disk);
    running.wait_for(ANSWERS);
    let mut upgrade = made.upgrade(operator);
    let mut last = Duration::ZERO;
    let copies = times.iter().enumerate().map(|(number, at)| {
        std::thread::sleep(*at - last);
        last = *at;
        running.while_frozen(|| disk.copy(lab, &format!("{name}-{number}")))
    });
    let copies = copies.collect();
    // Otherwise the cuts were not during an upgrade.
    running.wait_for(STARTING_2);
    drop(running);
    end(&mut upgrade);
    copies
}

/// Boots a disk, and returns the running slot, which must be complete.
fn what_runs(operator: &Operator, disk: &Disk) -> Slot {
    let mut running = operator.machine().start(disk);
    running.wait_for(STARTED);
    let serial = running.serial();
    drop(running);
    let runs = slot_that_runs(&serial);
    disk.assert_whole(runs);
    runs
}

/// Upgrades once without a cut; returns the time until the start of the new generation.
fn undisturbed((lab, name): (&Lab, &str), made: &Made, operator: &Operator) -> Duration {
    let disk = made.disk(lab, name);
    let mut running = operator.machine().start(&disk);
    running.wait_for(ANSWERS);
    let begun = Instant::now();
    let mut upgrade = made.upgrade(operator);
    running.wait_for(STARTING_2);
    let took = begun.elapsed();
    end(&mut upgrade);
    drop(running);
    disk.assert_whole(Slot::B);
    took
}

/// The image to upgrade, and the bundle.
struct Made {
    image: PathBuf,
    bundle: PathBuf,
}

impl Made {
    /// Builds an image with update keys, and the bundle of another version.
    fn new(lab: &Lab) -> Made {
        let dir = lab.dir().join("torture");
        std::fs::create_dir_all(&dir).unwrap();
        let key = dir.join("key");
        ironhull(&["bundle", "keygen", &text(&key)]);
        let keys = ironhull(&["bundle", "keyset", &text(&key.with_extension("pub"))]);
        std::fs::write(dir.join("keys.json"), keys).unwrap();
        let single = std::fs::read_to_string(tool::source_root().join("image-profiles/single.yaml")).unwrap();
        let profile = |version: &str| {
            let path = dir.join(format!("{version}.yaml"));
            std::fs::write(&path, format!("{single}version: {version}\nupdateKeys: keys.json\n")).unwrap();
            text(&path)
        };
        let (old, new, key) =
            (text(&dir.join("old")), text(&dir.join("new")), text(&key.with_extension("key")));
        ironhull(&["build", &profile("1.0.0"), "--format", "raw", "--output", &old]);
        ironhull(&["build", &profile("2.0.0"), "--format", "bundle", "--key", &key, "--output", &new]);
        Made { image: dir.join("old/single.raw"), bundle: dir.join("new/single.hull") }
    }

    /// Makes a disk of the image, with generation 1 blessed.
    fn disk(&self, lab: &Lab, name: &str) -> Disk {
        Disk::of(&self.image, lab, name)
    }

    /// Begins the upgrade of an operator's running machine.
    fn upgrade(&self, operator: &Operator) -> Child {
        let mut command = operator.order(&["upgrade", &web_server::serve(&self.bundle)]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

/// Runs the command and returns what it prints.
#[track_caller]
fn ironhull(words: &[&str]) -> Vec<u8> {
    let output = tool::output(Command::new(tool::ironhull()).current_dir(tool::source_root()).args(words));
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Ends a command at once.
fn end(command: &mut Child) {
    // Both fail only if it has exited by itself.
    drop(command.kill());
    drop(command.wait());
}

/// Returns the running slot according to `init`.
#[track_caller]
fn slot_that_runs(serial: &str) -> Slot {
    let line = serial.lines().rfind(|l| l.contains(STARTED)).unwrap();
    let slot = [("slot a, generation 1,", Slot::A), ("slot b, generation 2,", Slot::B)];
    slot.into_iter().find(|(text, _)| line.contains(text)).expect(line).1
}

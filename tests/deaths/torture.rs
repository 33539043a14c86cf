//! The power goes at random times while a node is upgraded: it boots the old generation or the new one, and that
//! one is whole.
//!
//! `make torture` does it a hundred times; `IRONHULL_CUTS` says how often.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::lab::Lab;
use e2e::tool;
use slots::Slot;

use crate::disk::{Disk, text};
use crate::machine::{Machine, STARTING_2};

/// How often, unless the environment says so.
const CUTS: u32 = 6;
/// What `noded` says when it can be asked.
const ANSWERS: &str = "stage node-api";
/// What `init` says of what runs.
const STARTED: &str = ", started because";

/// Shows it.
pub fn show(lab: &Lab) -> String {
    let cuts = std::env::var("IRONHULL_CUTS").map_or(CUTS, |n| n.parse().expect("IRONHULL_CUTS is a number"));
    let made = Made::new(lab);
    let machine = Machine {
        user_data: Some(made.config.join("node.yaml")),
        api: Some(free_port()),
        ..Machine::default()
    };
    let whole = undisturbed(lab, &made, &machine);
    let (mut old, mut new) = (0, 0);
    for number in 0..cuts {
        let disk = made.disk(lab, &format!("torture-{number}"));
        let mut running = machine.start(&disk);
        running.wait_for(ANSWERS);
        let mut upgrade = made.upgrade(&machine);
        // Beyond its end, too: the first seconds of the new generation are part of it.
        std::thread::sleep(random_part_of(whole * 5 / 4));
        drop(running);
        end(&mut upgrade);
        let mut running = machine.start(&disk);
        running.wait_for(STARTED);
        let serial = running.serial();
        drop(running);
        let runs = slot_that_runs(&serial);
        disk.assert_whole(runs);
        match runs {
            Slot::A => old += 1,
            Slot::B => new += 1,
        }
    }
    format!(
        "{cuts} cuts within the {:.0} s of an upgrade: {old} times the old generation, {new} times the new one",
        whole.as_secs_f32()
    )
}

/// Upgrades once without a cut; returns how long that takes, up to the start of the new generation.
fn undisturbed(lab: &Lab, made: &Made, machine: &Machine) -> Duration {
    let disk = made.disk(lab, "torture");
    let mut running = machine.start(&disk);
    running.wait_for(ANSWERS);
    let begun = Instant::now();
    let mut upgrade = made.upgrade(machine);
    running.wait_for(STARTING_2);
    let took = begun.elapsed();
    end(&mut upgrade);
    drop(running);
    disk.assert_whole(Slot::B);
    took
}

/// What is upgraded, and what to.
struct Made {
    image: PathBuf,
    bundle: PathBuf,
    config: PathBuf,
}

impl Made {
    /// Builds an image with update keys, the bundle of another version, and a config.
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
        ironhull(&["config", "init", &text(&dir.join("node"))]);
        Made {
            image: dir.join("old/single.raw"),
            bundle: dir.join("new/single.hull"),
            config: dir.join("node"),
        }
    }

    /// Makes a disk of the image, with generation 1 blessed.
    fn disk(&self, lab: &Lab, name: &str) -> Disk {
        Disk::of(&self.image, lab, name)
    }

    /// Begins the upgrade of a running machine.
    fn upgrade(&self, machine: &Machine) -> Child {
        let address = format!("127.0.0.1:{}", machine.api.unwrap());
        let mut command = Command::new(tool::ironhull());
        command.args([
            "node",
            &address,
            "--credentials",
            &text(&self.config),
            "upgrade",
            &text(&self.bundle),
        ]);
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

/// Ends a command, whatever it is at.
fn end(command: &mut Child) {
    // Both fail only where it has ended by itself.
    drop(command.kill());
    drop(command.wait());
}

/// Returns the slot that `init` says it runs.
#[track_caller]
fn slot_that_runs(serial: &str) -> Slot {
    let line = serial.lines().rfind(|l| l.contains(STARTED)).unwrap();
    let slot = [("slot a, generation 1,", Slot::A), ("slot b, generation 2,", Slot::B)];
    slot.into_iter().find(|(text, _)| line.contains(text)).expect(line).1
}

/// Returns a part of a time.
fn random_part_of(whole: Duration) -> Duration {
    let mut random = [0; 4];
    sys::random_bytes(&mut random).unwrap();
    whole.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}

/// Returns a port of this host that nobody listens on.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

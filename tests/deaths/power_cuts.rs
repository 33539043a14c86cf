//! Power is cut repeatedly at any point of the boot, including the first one, which creates the file systems:
//! generation 1 still boots, is still blessed, and its file systems are intact.

use std::time::Duration;

use e2e::lab::Lab;
use e2e::seed::Random;
use e2e::{image, tool};
use slots::Partition;

use crate::cuts;
use crate::disk::{Disk, text};
use crate::machine::{GENERATION_1, Machine};

/// Number of cuts.
const CUTS: u32 = 20;
/// Latest time of a cut, relative to the time at which an undisturbed boot starts its services.
const BEYOND: f64 = 1.2;

/// The test.
pub fn show(lab: &Lab) -> String {
    let machine = Machine::default();
    // How long a boot takes depends on the host; it is measured with another disk.
    let whole = machine.start(&Disk::new(lab, "uncut")).wait_for(GENERATION_1);
    let disk = Disk::new(lab, "cuts");
    let cuts = cuts::times(&mut Random::of("power cuts"), CUTS, whole.mul_f64(BEYOND));
    for at in shuffled(&cuts) {
        machine.start(&disk).run_until(*at);
    }
    let mut running = machine.start(&disk);
    let took = running.wait_for(GENERATION_1);
    drop(running);
    let record = disk.record();
    assert!(record.slots.a.is_proven() && record.slots.a.generation == 1, "after {cuts:?}:\n{record}");
    assert_eq!(record.slots.b.flags, slots::Flags::default(), "after {cuts:?}:\n{record}");
    for partition in [Partition::State, Partition::Data] {
        let part = lab.dir().join(format!("cuts-{}", partition.label()));
        image::cut(&disk.path, disk.place(partition), &part);
        tool::run("e2fsck", &["-E", "journal_only", "-y", &text(&part)]);
        tool::run("e2fsck", &["-fn", &text(&part)]);
    }
    let secs = took.as_secs_f32();
    format!("generation 1 ran {secs:.0} s after the last power-on, in boot {}", record.boots)
}

/// Returns the cuts in an order that mixes early and late ones.
fn shuffled(cuts: &[Duration]) -> impl Iterator<Item = &Duration> {
    (0..cuts.len()).map(|n| &cuts[n * 7 % cuts.len()])
}

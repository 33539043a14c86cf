//! A blessed generation without a config, as after the loss of its state: it runs, waits for one, and keeps
//! all its tries.

use e2e::lab::Lab;

use crate::disk::Disk;
use crate::machine::{GENERATION_1, Machine};

/// The test.
pub fn show(lab: &Lab) -> String {
    let disk = Disk::new(lab, "unconfigured");
    let mut running = Machine::default().start(&disk);
    let took = running.wait_for(GENERATION_1);
    disk.wait_for_answer();
    assert_eq!(disk.record().slots.a.tries_left, slots::BLESSED_TRIES, "{}", disk.record());
    // It may answer before it has looked at its network, which is told in the same text.
    running.wait_for("no config found");
    format!("generation 1 ran {:.0} s after power-on", took.as_secs_f32())
}

//! State and data that lose their superblocks come back by the backups before anything starts. Where the backup is lost
//! too nothing is changed, and the node says so.

use e2e::lab::Lab;
use e2e::{image, tool};
use slots::Partition;

use crate::disk::{Disk, text};
use crate::machine::{ANSWERS, GENERATION_1};
use crate::operator::Operator;

/// Where the first backup is.
const BACKUP: u64 = 32_768 * 4096;
/// Printed when a partition is left as it is.
const MAINTENANCE: &str = "MAINTENANCE: a partition is damaged and was left as it is";

/// The test.
pub fn show(lab: &Lab) -> String {
    let operator = Operator::without_control_plane(lab, "superblock");
    let (machine, disk) = (operator.machine(), Disk::new(lab, "superblock"));
    let mut running = machine.start(&disk);
    running.wait_for(ANSWERS);
    drop(running);
    let lose = |partition| disk.put(partition, 0, &[0; 4096]);

    lose(Partition::State);
    lose(Partition::Data);
    let mut running = machine.start(&disk);
    let took = running.wait_for(ANSWERS);
    let serial = running.serial();
    drop(running);
    for label in ["state", "data"] {
        assert!(serial.contains(&format!("{label}: the file system is repaired")), "{label}:\n{serial}");
    }
    assert!(!serial.contains(MAINTENANCE), "{serial}");
    // As after any power cut: the journal, then nothing to do.
    let state = lab.dir().join("superblock.state");
    image::cut(&disk.path, disk.place(Partition::State), &state);
    tool::run("e2fsck", &["-E", "journal_only", "-y", &text(&state)]);
    tool::run("e2fsck", &["-fn", &text(&state)]);

    lose(Partition::State);
    disk.put(Partition::State, BACKUP, &[0; 4096]);
    let before = disk.begin(Partition::State);
    let mut running = machine.start(&disk);
    running.wait_for(GENERATION_1);
    running.wait_for(MAINTENANCE);
    drop(running);
    assert!(disk.begin(Partition::State) == before, "nothing was changed");
    format!("the node API answered {:.0} s after power-on, both superblocks repaired", took.as_secs_f32())
}

//! A generation whose etcd can't start: the deadline passes, its logs are kept, and after one reboot
//! generation 1 runs.

use e2e::lab::Lab;
use e2e::{image, tool};
use slots::{Partition, Reason};

use crate::disk::{Disk, text};
use crate::generation::Generation;
use crate::machine::{GENERATION_2, Machine, STARTING_2};
use crate::operator::Operator;

/// The test.
pub fn show(lab: &Lab) -> String {
    let disk = Disk::new(lab, "services");
    // A file whose header is overwritten is not a program.
    let params = disk.put_root(lab, "usr/bin/etcd", &[0; 4]);
    disk.install(&Generation::with_root(&params).build());
    let soon = ("\napi:", "\nhealth: { deadlineSecs: 60 }\napi:");
    let (serial, seen) = Machine { api: None, ..Operator::new(lab, "services-config", soon).machine() }
        .until_generation_1(&disk);
    assert!(serial.contains(GENERATION_2), "{serial}");
    let (_, after) = serial.split_once("generation 2 has failed its trial (deadline)").expect(&serial);
    assert!(!after.contains(STARTING_2), "{serial}");
    disk.assert_fell_back(Reason::Deadline);
    let part = lab.dir().join("services-state");
    image::cut(&disk.path, disk.place(Partition::State), &part);
    let kept = tool::run("debugfs", &["-R", "ls -p /failed/2", &text(&part)]);
    assert!(kept.contains("init.log") && kept.contains("kernel.log"), "{kept}");
    seen
}

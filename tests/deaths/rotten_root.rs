//! A root with a block that does not match its hash: the machine panics instead of running it.
//!
//! Both slots have the same root here, as after an upgrade of only the kernel: each slot must read its own.

use e2e::lab::Lab;
use slots::{Partition, Reason};

use crate::disk::Disk;
use crate::generation::Generation;
use crate::machine::{GENERATION_2, Machine};

/// Generation 2 is on trial.
pub fn show_on_trial(lab: &Lab) -> String {
    let disk = rotten(lab, "rotten-trial");
    show(&disk)
}

/// Generation 2 was blessed, and was damaged since; generation 1 is still good.
pub fn show_blessed(lab: &Lab) -> String {
    let disk = rotten(lab, "rotten-blessed");
    disk.bless_b();
    show(&disk)
}

/// Returns a disk whose generation 2 has one try left, with a flipped bit in its file system's superblock.
fn rotten(lab: &Lab, name: &str) -> Disk {
    let disk = Disk::new(lab, name);
    disk.install(&Generation::good().build());
    disk.copy_root();
    disk.flip(Partition::RootB, 1024 + 100);
    disk.leave_one_try();
    disk
}

fn show(disk: &Disk) -> String {
    let (serial, seen) = Machine::default().until_generation_1(disk);
    assert!(serial.contains("Kernel panic") && serial.contains("corrupt"), "{serial}");
    assert!(!serial.contains(GENERATION_2), "{serial}");
    disk.assert_fell_back(Reason::NoAnswer);
    seen
}

//! Failures before any program of the new generation runs.

use e2e::image;
use e2e::lab::Lab;
use slots::{Partition, Reason, UKI_OFFSET};

use crate::disk::Disk;
use crate::generation::Generation;
use crate::machine::{Machine, SOFTDOG, STARTING_2};

/// A kernel image whose second half was never written: the same boot continues with generation 1.
pub fn show_truncated(lab: &Lab) -> String {
    let disk = Disk::new(lab, "truncated");
    let uki = image::uki();
    disk.install(&uki);
    let half = uki.len() / 2;
    disk.put(Partition::KernelB, UKI_OFFSET + half as u64, &vec![0; uki.len() - half]);
    let (serial, seen) = Machine::default().until_generation_1(&disk);
    assert!(serial.contains("slot b failed: bad-sha256"), "{serial}");
    disk.assert_fell_back(Reason::BadSha256);
    seen
}

/// A kernel that panics: three starts, then generation 1.
pub fn show_panic(lab: &Lab) -> String {
    let disk = Disk::new(lab, "panic");
    disk.install(&Generation::without_init("panic=1").build());
    let (serial, seen) = Machine::default().until_generation_1(&disk);
    assert_eq!(serial.matches(STARTING_2).count(), 3, "{serial}");
    assert!(serial.contains("Kernel panic"), "{serial}");
    disk.assert_fell_back(Reason::NoAnswer);
    seen
}

/// A kernel that hangs: its own watchdog, which runs from its start, resets the machine.
pub fn show_hang(lab: &Lab) -> String {
    let disk = Disk::new(lab, "hang");
    let hangs = "root=/dev/nowhere rootwait softdog.soft_active_on_boot=1 softdog.soft_margin=30";
    disk.install(&Generation::without_init(hangs).build());
    disk.leave_one_try();
    let (serial, seen) = Machine::default().until_generation_1(&disk);
    assert!(serial.contains("Waiting for root device") && serial.contains(SOFTDOG), "{serial}");
    disk.assert_fell_back(Reason::NoAnswer);
    seen
}

//! A first program that exits, or hangs before or after it has armed the watchdogs.

use e2e::lab::Lab;
use slots::Reason;

use crate::disk::Disk;
use crate::generation::Generation;
use crate::machine::{Machine, SOFTDOG};

/// It exits: the kernel panics and resets.
pub fn show_end(lab: &Lab) -> String {
    let disk = Disk::new(lab, "end");
    let (serial, seen) = show(&disk, &Generation::dying("exit"), &Machine::default());
    assert!(serial.contains("Kernel panic"), "{serial}");
    seen
}

/// It hangs before it has armed a watchdog: the kernel's own watchdog has been running since the kernel's
/// start.
pub fn show_unarmed(lab: &Lab) -> String {
    let disk = Disk::new(lab, "unarmed");
    let mut generation = Generation::dying("unarmed");
    assert!(generation.cmdline.contains("softdog.soft_active_on_boot=1"), "{}", generation.cmdline);
    generation.cmdline.push_str(" softdog.soft_margin=30");
    let (serial, seen) = show(&disk, &generation, &Machine::default());
    assert!(serial.contains("dying: never gets to a watchdog") && serial.contains(SOFTDOG), "{serial}");
    seen
}

/// It hangs after arming a hardware watchdog, which resets the machine instead of the kernel's.
pub fn show_hang_beside_hardware(lab: &Lab) -> String {
    let disk = Disk::new(lab, "starved");
    let (serial, seen) = show(&disk, &Generation::dying("starve"), &Machine::default());
    assert!(serial.contains("dying: armed Some"), "{serial}");
    assert!(!serial.contains(SOFTDOG), "{serial}");
    seen
}

/// It hangs on a machine that has only the kernel's watchdog.
pub fn show_hang_beside_softdog(lab: &Lab) -> String {
    let disk = Disk::new(lab, "softdog");
    let machine = Machine { bare: true, ..Machine::default() };
    let (serial, seen) = show(&disk, &Generation::dying("starve"), &machine);
    assert!(serial.contains("dying: armed Some") && serial.contains(SOFTDOG), "{serial}");
    seen
}

/// Starts the generation on its last try.
fn show(disk: &Disk, generation: &Generation, machine: &Machine) -> (String, String) {
    disk.install(&generation.build());
    disk.leave_one_try();
    let seen = machine.until_generation_1(disk);
    disk.assert_fell_back(Reason::NoAnswer);
    seen
}

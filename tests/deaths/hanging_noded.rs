//! A generation whose `noded` reports once and hangs, so that `init` stops feeding the watchdogs. The
//! kernel's own must not reset the machine here, but the hardware one, which `init` has armed.

use std::fs;

use e2e::lab::Lab;
use slots::Reason;

use crate::disk::Disk;
use crate::generation::Generation;
use crate::machine::{GENERATION_2, Machine};

/// The test.
pub fn show(lab: &Lab) -> String {
    let disk = Disk::new(lab, "noded");
    let program = fs::read(env!("CARGO_BIN_EXE_dying")).unwrap();
    let params = disk.put_root(lab, "usr/lib/ironhull/noded", &program);
    let mut generation = Generation::with_root(&params);
    generation.cmdline.push_str(" softdog.soft_noboot=1");
    disk.install(&generation.build());
    disk.leave_one_try();
    let (serial, seen) = Machine::default().until_generation_1(&disk);
    assert!(serial.contains(GENERATION_2), "{serial}");
    assert!(serial.contains("noded does not report on trial"), "{serial}");
    disk.assert_fell_back(Reason::Health);
    seen
}

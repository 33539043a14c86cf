//! A generation on trial that answers and then loses power, until no try is left: the old generation runs
//! again, and the record says that the trials were interrupted.
//!
//! A panic or a reset after the answer looks the same to the next boot.

use e2e::lab::Lab;
use slots::Reason;

use crate::disk::Disk;
use crate::generation::Generation;
use crate::machine::{GENERATION_2, Machine};

/// The test.
pub fn show(lab: &Lab) -> String {
    let disk = Disk::new(lab, "interrupted");
    disk.install(&Generation::good().build());
    disk.copy_root();
    disk.leave_one_try();
    let mut running = Machine::default().start(&disk);
    running.wait_for(GENERATION_2);
    disk.wait_for_answer();
    assert_eq!(disk.record().slots.b.last_failure, Reason::None, "{}", disk.record());
    drop(running);
    let (_, seen) = Machine::default().until_generation_1(&disk);
    disk.assert_fell_back(Reason::Interrupted);
    seen
}

//! Both copies of the record are lost and the newer slot does not boot: it gets one try, then generation 1 is
//! started.

use e2e::lab::Lab;
use slots::{Partition, Place};

use crate::disk::Disk;
use crate::generation::Generation;
use crate::machine::{Machine, STARTING_2};

/// The test.
pub fn show(lab: &Lab) -> String {
    let disk = Disk::new(lab, "lost");
    disk.install(&Generation::without_init("panic=1").build());
    for place in Place::ALL {
        disk.put(Partition::BootState, place.offset(), &[0xff; slots::RECORD_BYTES]);
    }
    let (serial, seen) = Machine::default().until_generation_1(&disk);
    assert!(serial.contains("both copies of the boot record are lost"), "{serial}");
    assert_eq!(serial.matches(STARTING_2).count(), 1, "{serial}");
    let record = disk.record();
    assert_eq!((record.slots.a.generation, record.slots.b.tries_left), (1, 0), "{record}");
    seen
}

//! Two complete slots: the higher generation is started and told its slot, and the record is written before.

use crate::disk::Contents;
use crate::machine::{Bus, Machine, boot, present};
use crate::programs::{Order, probe};

fn contents() -> Contents {
    Contents::new(&probe(Order::SwitchOff, b'A'), &probe(Order::SwitchOff, b'B'))
}

#[test]
fn starts_the_higher_generation_and_tells_it() {
    if !present() {
        return;
    }
    let found = boot(&contents());
    assert_eq!(
        found.lines,
        [
            "starting slot b, generation 2, tries left 2, reason has-tries",
            "probe B was told: slot=b generation=2 tries=2 reason=has-tries",
        ]
    );
    let record = found.disk.record().unwrap();
    assert_eq!((record.sequence, record.boots), (11, 2));
    assert_eq!((record.slots.a.tries_left, record.slots.b.tries_left), (9, 2));
    assert_eq!(record.attempt, Some(slots::Slot::B));
}

#[test]
fn starts_from_any_bus_and_writes_nothing_but_the_record() {
    if !present() {
        return;
    }
    for bus in [Bus::Sata, Bus::Nvme] {
        let dir = tempfile::tempdir().unwrap();
        let disk = contents().write(&dir.path().join("disk.raw"));
        let before = disk.rest();
        let machine = Machine { bus, ..Machine::new(&disk) };
        let lines = machine.run(dir.path());
        assert_eq!(lines.last().unwrap(), "probe B was told: slot=b generation=2 tries=2 reason=has-tries");
        assert!(disk.rest() == before);
    }
}

//! A second disk with the same partition types and higher generations is left alone.

use crate::disk::{Contents, kernel, record};
use crate::machine::{Machine, present};
use crate::programs::{Order, probe};

#[test]
fn another_disk_is_left_alone() {
    if !present() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let good = probe(Order::SwitchOff, b'B');
    let disk = Contents::new(&good, &good).write(&dir.path().join("disk.raw"));
    let stranger = probe(Order::SwitchOff, b'X');
    let mut newer = record(5, 9, 9);
    (newer.slots.a.generation, newer.slots.b.generation) = (8, 9);
    let mut contents = Contents { seed: 2, ..Contents::new(&stranger, &stranger) }.with_record(&newer);
    (contents.kernels.a, contents.kernels.b) = (kernel(&stranger, 8), kernel(&stranger, 9));
    let other = contents.write(&dir.path().join("other.raw"));
    let before = std::fs::read(&other.path).unwrap();
    let more = other.attached("addr=2");
    let machine = Machine { more, ..Machine::new(&disk) };
    let lines = machine.run(dir.path());
    assert_eq!(lines.last().unwrap(), "probe B was told: slot=b generation=2 tries=2 reason=has-tries");
    assert!(std::fs::read(&other.path).unwrap() == before);
}

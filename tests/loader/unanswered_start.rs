//! A system that dies after its start: when its tries are used up, the other slot runs, and the reason is
//! recorded.

use slots::Reason;

use crate::disk::{Contents, record};
use crate::machine::{Reset, boot_until, present};
use crate::programs::{Order, probe};

#[test]
fn a_system_that_dies_spends_its_tries() {
    if !present() {
        return;
    }
    let contents = Contents::new(&probe(Order::SwitchOff, b'A'), &probe(Order::Reset, b'B'));
    let found = boot_until(&contents.with_record(&record(1, 9, 2)), Reset::BootsAgain);
    let told = |tries| format!("probe B was told: slot=b generation=2 tries={tries} reason=has-tries");
    let probes: Vec<_> = found.lines.iter().filter(|l| l.starts_with("probe")).cloned().collect();
    let last = "probe A was told: slot=a generation=1 tries=8 reason=has-tries".to_owned();
    assert_eq!(probes, [told(1), told(0), last]);
    let record = found.disk.record().unwrap();
    assert_eq!((record.slots.b.last_failure, record.boots), (Reason::NoAnswer, 4));
}

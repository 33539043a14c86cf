//! Boot records that are torn or lost.

use crate::disk::{Contents, record};
use crate::machine::{boot, present};
use crate::programs::{Order, probe};

fn contents() -> Contents {
    Contents::new(&probe(Order::SwitchOff, b'A'), &probe(Order::SwitchOff, b'B'))
}

#[test]
fn both_lost_the_newest_header_is_started() {
    if !present() {
        return;
    }
    let lost = Contents { records: [vec![0xff; 512], vec![0; 512]], ..contents() };
    let found = boot(&lost);
    assert_eq!(found.lines[0], "both copies of the boot record are lost; using the slot headers");
    assert_eq!(found.lines[2], "probe B was told: slot=b generation=2 tries=0 reason=has-tries");
    assert!(found.disk.record().is_some());
}

#[test]
fn a_torn_record_leaves_the_older_one() {
    if !present() {
        return;
    }
    let whole = record(1, 9, 0).encode().to_vec();
    let mut torn = slots::Record { sequence: 11, ..record(2, 9, 3) }.encode().to_vec();
    torn[200..].fill(0xff);
    let found = boot(&Contents { records: [whole.clone(), torn], ..contents() });
    assert_eq!(found.lines.last().unwrap(), "probe A was told: slot=a generation=1 tries=8 reason=has-tries");
    assert_eq!(found.disk.record().unwrap().sequence, 11, "written over the torn one");
}

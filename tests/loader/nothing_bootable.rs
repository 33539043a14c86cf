//! No slot can be started: the console says why, and the machine resets.

use slots::{Pair, Reason};

use crate::disk::Contents;
use crate::machine::{boot, present};
use crate::programs::{Order, probe};

#[test]
fn says_why_and_resets() {
    if !present() {
        return;
    }
    let good = probe(Order::SwitchOff, b'A');
    let contents = Contents::new(&good, &good);
    let rotten = contents.kernels.b[..4096].to_vec();
    let found = boot(&Contents { kernels: Pair { a: vec![], b: rotten }, ..contents });
    let expected = [
        "slot a has generation 1, last failure: bad-header",
        "starting slot b, generation 2, tries left 2, reason has-tries",
        "slot b failed: bad-sha256",
        "slot a has generation 1, last failure: bad-header",
        "slot b has generation 2, last failure: bad-sha256",
        "no slot could be started; resetting in 10 s",
    ];
    assert_eq!(found.lines, expected);
    let record = found.disk.record().unwrap();
    assert_eq!(record.slots.map(|e| e.last_failure), Pair { a: Reason::BadHeader, b: Reason::BadSha256 });
}

//! With Secure Boot and the owner's keys, signed programs run and all others do not.

use slots::{Pair, Reason};

use crate::disk::Contents;
use crate::machine::{Firmware, Machine, present};
use crate::programs::{Order, loader, probe};
use crate::secure_boot_keys::{enrolled, owner, stranger};

/// An unsigned probe that prints whether Secure Boot is on.
fn unsigned(name: u8) -> Vec<u8> {
    probe(Order::SecureBoot, name)
}

fn signed(name: u8) -> Vec<u8> {
    owner().sign("db", &unsigned(name))
}

/// Returns a disk with a signed boot loader, a signed program in slot A and this one in slot B.
fn contents(b: &[u8]) -> Contents {
    Contents { loader: owner().sign("db", &loader()), ..Contents::new(&signed(b'A'), b) }
}

/// Boots with `b` in slot B and expects that the firmware does not trust it, and that slot A runs.
#[track_caller]
fn is_refused(b: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let disk = contents(b).write(&dir.path().join("disk.raw"));
    let lines = Machine { firmware: Firmware::Secure(enrolled()), ..Machine::new(&disk) }.run(dir.path());
    let expected = [
        "starting slot b, generation 2, tries left 2, reason has-tries",
        // EFI_ACCESS_DENIED: OVMF's policy is to deny.
        "slot b failed: bad-signature (firmware: error 15)",
        "slot b has generation 2, last failure: bad-signature",
        "starting slot a, generation 1, tries left 8, reason has-tries",
        "probe A was told: slot=a generation=1 tries=8 reason=has-tries",
        "probe sees SecureBoot=1",
    ];
    assert_eq!(lines, expected);
    let failures = disk.record().unwrap().slots.map(|entry| entry.last_failure);
    assert_eq!(failures, Pair { a: Reason::None, b: Reason::BadSignature });
}

#[test]
fn a_signed_loader_starts_a_signed_program() {
    if !present() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = contents(&signed(b'B')).write(&dir.path().join("disk.raw"));
    let lines = Machine { firmware: Firmware::Secure(enrolled()), ..Machine::new(&disk) }.run(dir.path());
    let expected = [
        "starting slot b, generation 2, tries left 2, reason has-tries",
        "probe B was told: slot=b generation=2 tries=2 reason=has-tries",
        "probe sees SecureBoot=1",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_program_with_one_bit_altered_is_refused() {
    if present() {
        let mut altered = signed(b'B');
        // The letter that is its name is changed; the header has the digest of the changed program.
        let at = altered.windows(14).position(|w| w == b"PROBE-ORDER-->").unwrap() + 15;
        altered[at] ^= 1;
        is_refused(&altered);
    }
}

#[test]
fn an_unsigned_program_is_refused() {
    if present() {
        is_refused(&unsigned(b'B'));
    }
}

#[test]
fn a_program_signed_by_a_stranger_is_refused() {
    if present() {
        is_refused(&stranger().sign("db", &unsigned(b'B')));
    }
}

#[test]
fn a_program_signed_by_a_key_that_is_not_for_programs_is_refused() {
    if present() {
        is_refused(&owner().sign("KEK", &unsigned(b'B')));
    }
}

/// The firmware goes on to the next disk, which prints all lines.
#[test]
fn an_unsigned_loader_is_not_started() {
    if !present() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let unsigned = Contents { loader: loader(), ..contents(&signed(b'B')) };
    let disk = unsigned.write(&dir.path().join("disk.raw"));
    let next = Contents { seed: 2, ..contents(&signed(b'N')) }.write(&dir.path().join("next.raw"));
    let firmware = Firmware::Secure(enrolled());
    let more = next.attached("bootindex=2");
    let lines = Machine { firmware, more, ..Machine::new(&disk) }.run(dir.path());
    let expected = [
        "starting slot b, generation 2, tries left 2, reason has-tries",
        "probe N was told: slot=b generation=2 tries=2 reason=has-tries",
        "probe sees SecureBoot=1",
    ];
    assert_eq!(lines, expected);
    assert_eq!(disk.record().unwrap().sequence, 10, "nobody has written to the first disk");
}

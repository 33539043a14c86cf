//! Power cuts at any point of a boot: the complete log of disk operations is replayed, and every disk that a
//! cut can leave starts a slot again.
//!
//! A boot writes one sector before each program that it starts, over the older record, and syncs it before
//! the program runs.

use std::path::Path;

use e2e::bootstate::{Disk, records};
use e2e::host_disk::HostDisk;
use e2e::log::{Change, Log, cuts};
use e2e::pc::{self, Running};
use slots::{Pair, Place, RECORD_BYTES, Slot, write_place};

use crate::disk::{Contents, kernel};
use crate::machine::present;
use crate::programs::{Order, probe};

/// Memory of the machine in MiB.
const MEMORY_MIB: u32 = 256;

/// Both slots hold a program that hangs, so that the power can be cut while it runs.
fn contents() -> Contents {
    Contents::new(&probe(Order::Stay, b'A'), &probe(Order::Stay, b'B'))
}

/// The expected result of a boot.
struct Expected {
    /// The line at which the power is cut.
    last: &'static str,
    /// Number of sectors written by then.
    writes: usize,
    /// The slot that is started next if none of these sectors is on the disk, and if all are.
    starts: [Option<Slot>; 2],
}

/// Boots once, and checks what was written, and what is started after every power cut.
fn shows(contents: &Contents, expected: &Expected) {
    if !present() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = contents.write(&dir.path().join("disk.raw")).path;
    let disk = Disk::read(&path);
    let log = boot(dir.path(), &path, expected.last);
    let changes = log.changes(&disk.range).unwrap();
    assert_eq!(changes.len(), log.events.len(), "something else was written: {:?}", log.events);
    assert_eq!(changes.iter().filter(|c| **c == Change::Flush).count(), expected.writes);
    let [first, second] = records(&disk.bootstate);
    let place = write_place(first, second);
    for pair in changes.chunks(2) {
        let [Change::Write { at, bytes, .. }, Change::Flush] = pair else {
            panic!("expected a write and a flush, found {pair:?}")
        };
        assert_eq!((*at as u64, bytes.len()), (place.offset(), RECORD_BYTES));
    }
    let lost = [first, second] == [None; 2];
    let mut starts = Vec::new();
    let states = cuts(&disk.bootstate, &changes, |state| {
        assert!(lost || records(state).iter().any(Option::is_some), "no record is left");
        starts.push(disk.starts(state));
    });
    assert_eq!([starts.first(), starts.last()], expected.starts.each_ref().map(Some));
    assert!(starts.iter().all(|s| expected.starts.contains(s)), "{starts:?}");
    println!("{} bytes written, {states} states after a power cut", expected.writes * RECORD_BYTES);
}

/// Boots the disk until a line appears, cuts the power, and returns the log of the disk.
fn boot(dir: &Path, disk: &Path, last: &str) -> Log<HostDisk> {
    let log = dir.join("log");
    let mut command = pc::command(dir, MEMORY_MIB);
    pc::add_logged_disk(&mut command, disk, "raw", &log);
    let mut machine = Running::start(command);
    machine.wait_for(last);
    drop(machine);
    Log::read(HostDisk::open(&log).unwrap()).unwrap()
}

#[test]
fn a_boot_writes_one_sector() {
    let expected = Expected { last: "probe B was told", writes: 1, starts: [Some(Slot::B); 2] };
    shows(&contents(), &expected);
}

#[test]
fn a_refused_slot_costs_one_sector_more() {
    let mut contents = contents();
    let last = contents.kernels.b.len() - 1;
    contents.kernels.b[last] ^= 1;
    let expected = Expected { last: "probe A was told", writes: 2, starts: [Some(Slot::A); 2] };
    shows(&contents, &expected);
}

#[test]
fn last_words_are_as_safe() {
    let contents = contents();
    let rotten = contents.kernels.b[..4096].to_vec();
    let kernels = Pair { a: vec![], b: rotten };
    let expected = Expected { last: "no slot could be started", writes: 2, starts: [None; 2] };
    shows(&Contents { kernels, ..contents }, &expected);
}

#[test]
fn lost_records_are_written_again() {
    let lost = Contents { records: [vec![0xff; 512], vec![0; 512]], ..contents() };
    // One try each: once the record is written, the other slot is next.
    let starts = [Some(Slot::B), Some(Slot::A)];
    shows(&lost, &Expected { last: "probe B was told", writes: 1, starts });
}

#[test]
fn a_record_over_the_one_that_counts_would_be_found() {
    let dir = tempfile::tempdir().unwrap();
    let whole = Contents { kernels: Pair { a: kernel(b"A", 1), b: vec![] }, ..contents() };
    let disk = Disk::read(&whole.write(&dir.path().join("disk.raw")).path);
    let [Some(first), _] = records(&disk.bootstate) else { panic!("no record") };
    let mut lone = disk.bootstate.clone();
    lone[usize::try_from(Place::Second.offset()).unwrap()..].fill(0);
    let bytes = first.succeeding().encode().to_vec();
    let over = [Change::Write { at: 0, bytes, lasting: false }];
    let mut without = 0;
    cuts(&lone, &over, |state| without += usize::from(records(state) == [None; 2]));
    assert_eq!(without, 1);
}

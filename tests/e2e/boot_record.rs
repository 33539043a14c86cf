//! Power cuts at any point of a node's first boot: all writes of boot loader and `init` to the boot record
//! are replayed, and every possible state starts the slot again. ESP, kernel and root are never written.
//!
//! State and data are file systems with a journal; `power_cut` tests those.

use std::path::Path;
use std::process::Command;

use e2e::bootstate::{Disk, records};
use e2e::host_disk::HostDisk;
use e2e::lab::Lab;
use e2e::log::{Change, Event, Log, cuts};
use e2e::pc::{self, Running};
use e2e::{image, loopback, tool};
use slots::{Partition, Purpose, Slot};

/// Memory of the machine in MiB.
const MEMORY_MIB: u32 = 3072;

/// The test.
pub fn show(lab: &mut Lab) {
    let dir = lab.dir().join("boot-record");
    std::fs::create_dir(&dir).unwrap();
    let log = boot(&dir);
    let disk = Disk::read(&image::raw());
    only_record_state_and_data(&log);
    let changes = log.changes(&disk.range).unwrap();
    let writes = each_is_flushed(&changes);
    assert!(writes >= 3, "expected writes of the boot loader, an answer and an order, found {writes}");
    let states = cuts(&disk.bootstate, &changes, |state| {
        assert!(records(state).iter().any(Option::is_some), "no record is left");
        assert_eq!(disk.starts(state), Some(Slot::A));
    });
    println!("     {writes} writes of the boot record, {states} states after a power cut");
}

/// Boots the image, gives one order that changes the record, and returns the log of the disk.
fn boot(dir: &Path) -> Log<HostDisk> {
    let at = |name: &str| dir.join(name).display().to_string();
    let (credentials, overlay) = (at("node"), dir.join("overlay.qcow2"));
    tool::run(tool::ironhull(), &["config", "init", &credentials]);
    image::overlay((&image::raw(), "raw"), &overlay);
    let mut command = pc::command(dir, MEMORY_MIB);
    pc::add_logged_disk(&mut command, &overlay, "qcow2", &dir.join("log"));
    let address = loopback::address();
    command.args(["-netdev", &format!("user,id=net0,hostfwd=tcp:{address}:9443-:9443")]);
    command.args(["-device", "virtio-net-pci,netdev=net0,romfile="]);
    command.args(["-fw_cfg", &format!("name=opt/ironhull/config,file={credentials}/node.yaml")]);
    let mut machine = Running::start(command);
    machine.wait_for("slot a, generation 1, started because");
    machine.wait_for("stage node-api");
    let mut order = Command::new(tool::ironhull());
    order.args(["node", &address.to_string(), "--credentials", &credentials, "boot-once", "a"]);
    let given = tool::output(&mut order);
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    machine.end();
    Log::read(HostDisk::open(&dir.join("log")).unwrap()).unwrap()
}

/// Checks that only the boot record, state and data were written or discarded.
fn only_record_state_and_data(log: &Log<HostDisk>) {
    let raw = image::raw();
    let writable = |p: &Partition| matches!(p.purpose(), Purpose::Loader | Purpose::Writable);
    let places: Vec<_> =
        Partition::ALL.into_iter().filter(writable).map(|p| image::partition(&raw, p)).collect();
    for event in &log.events {
        let (Event::Write(e2e::log::Write { range, .. }) | Event::Discard(range)) = event else { continue };
        let inside = places.iter().any(|(start, bytes)| *start <= range.start && range.end <= start + bytes);
        assert!(inside, "bytes {range:?} of the disk were written");
    }
}

/// Checks that each write of the record is flushed before the next one; returns how many there were.
fn each_is_flushed(changes: &[Change]) -> usize {
    let is_write = |change: &&Change| **change != Change::Flush;
    let both = changes.windows(2).filter(|pair| pair.iter().all(|c| *c != Change::Flush)).count();
    assert_eq!(both, 0, "a record was written before the one before it was on the medium");
    assert_eq!(changes.last(), Some(&Change::Flush));
    changes.iter().filter(is_write).count()
}

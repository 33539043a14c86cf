//! Whether a disk is whole: its boot record starts a slot, its file systems are sound once their journals are replayed.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::bootstate::{self, records};
use e2e::host_disk::HostDisk;
use e2e::{image, tool};
use formats::disk::read_vec;
use slots::{MARKER_BYTES, Marker, Partition, Slot};

use crate::record::Recording;

/// Checks a disk. Copies its file systems to `dir` and replays their journals there, as a mount does; returns the one of
/// `state` if it was made already.
pub fn check(disk: &Path, recording: &Recording, dir: &Path) -> Option<PathBuf> {
    let read = bootstate::Disk::read(&recording.base);
    let whole = HostDisk::open(disk).unwrap();
    let record = read_vec(&whole, read.range.start, read.bootstate.len() as u64).unwrap();
    assert!(records(&record).iter().any(Option::is_some), "no boot record is left");
    assert_eq!(read.starts(&record), Some(Slot::A));
    let [state, _] = [Partition::State, Partition::Data].map(|which| {
        let place = image::partition(disk, which);
        let first = read_vec(&whole, place.0, MARKER_BYTES as u64).unwrap();
        // Before its file system is made, a partition has the builder's marker.
        Marker::parse(first.first_chunk().unwrap()).is_none().then(|| {
            let part = dir.join(which.label());
            // e2fsck takes an offset into a disk, but forgets it once it has replayed a journal.
            image::cut(disk, place, &part);
            sound(&part.display().to_string());
            part
        })
    });
    state
}

/// Replays the journal, then checks everything.
fn sound(part: &str) {
    let mut replay = Command::new("e2fsck");
    replay.args(["-E", "journal_only", "-y", part]);
    let replayed = tool::output(&mut replay);
    // 1: something was done.
    assert!(replayed.status.code().is_some_and(|c| c <= 1), "{}", String::from_utf8_lossy(&replayed.stdout));
    tool::run("e2fsck", &["-fn", part]);
}

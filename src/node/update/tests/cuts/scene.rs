//! A disk before an update, and the real updater on it.

use std::collections::BTreeMap;
use std::io::Read;

use bundle::{Bundle, Node as Facts};
use slots::{BLESSED_TRIES, Entry, Flags, Place, Record, Running, Slot, Why};
use update::{Target, UpdateError};

use crate::disk::{Disk, Habits, Op};
use crate::generation::{self, EPOCH, Generation, KUBERNETES, Size};
use crate::layout::Layout;
use crate::node::Node;

/// A disk, and which of its slots is running.
#[derive(Clone)]
pub struct Scene {
    pub layout: Layout,
    pub bytes: Vec<u8>,
    pub running: Running,
}

/// The result of an update.
pub struct Run {
    pub result: Result<u32, UpdateError>,
    pub log: Vec<Op>,
    pub medium: Vec<u8>,
    pub calls: usize,
}

/// The content of slot B before the update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Zeros, as installed.
    Empty,
    /// Arbitrary bytes.
    Garbage,
    /// The previous generation, complete and blessed.
    Older,
    /// An update of another bundle that was cut in the middle of the root.
    Interrupted,
    /// An update of the same bundle that was cut just before the commit.
    Uncommitted,
}

impl Scene {
    /// A disk with a blessed generation in slot A, made from seed 1, and `before` in slot B.
    pub fn new(before: Before, size: Size) -> Scene {
        let running = generation::make(1, size);
        let layout = running.layout();
        let number = if before == Before::Older { 2 } else { 1 };
        let mut bytes = vec![0; layout.bytes()];
        running.put(&mut bytes, layout, (Slot::A, number));
        let mut record = record(number);
        match before {
            Before::Empty | Before::Interrupted | Before::Uncommitted => {}
            Before::Garbage => {
                for partition in [Slot::B.kernel(), Slot::B.root()] {
                    bytes[layout.range(partition)].fill(0xe5);
                }
            }
            Before::Older => {
                generation::make(2, size).put(&mut bytes, layout, (Slot::B, 1));
                record.slots.b = Entry { generation: 1, ..record.slots.a };
            }
        }
        let newer = if before == Before::Garbage { Place::Second } else { Place::First };
        put_record(&mut bytes, newer.other(), &record);
        put_record(&mut bytes, newer, &record.succeeding());
        let scene = Scene { layout, bytes, running: running_of(Slot::A, number) };
        match before {
            Before::Interrupted => scene.cut_short(&generation::make(4, size), Cut::InTheRoot),
            Before::Uncommitted => scene.cut_short(&generation::make(3, size), Cut::BeforeTheCommit),
            _ => scene,
        }
    }

    /// The disk after a cut update, with all writes in order.
    fn cut_short(mut self, generation: &Generation, at: Cut) -> Scene {
        let run = self.update(&generation.bundle(), Habits::SOUND);
        let writes: Vec<_> = run.log.iter().filter_map(Op::written).collect();
        let (whole, half) = match at {
            Cut::InTheRoot => (3, writes[3].1.len() / 2),
            Cut::BeforeTheCommit => (5, 0),
        };
        for (i, (at, bytes)) in writes.into_iter().enumerate().take(whole + 1) {
            let length = if i < whole { bytes.len() } else { half };
            self.bytes[at..at + length].copy_from_slice(&bytes[..length]);
        }
        self
    }

    /// Updates a disk with these habits.
    pub fn update(&self, bundle: &[u8], habits: Habits) -> Run {
        self.update_from(|| bundle, habits, |node| node)
    }

    /// Like `update`, with a bundle that is opened anew each time, and another target than the node itself.
    pub fn update_from<R: Read, T: Target>(
        &self,
        open: impl Fn() -> R,
        habits: Habits,
        target: impl FnOnce(Node) -> T,
    ) -> Run {
        let disk = Disk::new(self.layout, self.bytes.clone(), habits);
        let mut target = target(Node { disk: disk.clone(), running: self.running });
        let examined = examine(open, self.layout);
        let result = examined.and_then(|bundle| update::install(bundle, &mut target, &mut |_, _| ()));
        let mut state = disk.state();
        let (log, medium) = (std::mem::take(&mut state.log), std::mem::take(&mut state.medium));
        Run { result, log, medium, calls: state.calls }
    }
}

/// Examines a bundle for a node with this disk.
fn examine<R: Read>(open: impl Fn() -> R, layout: Layout) -> Result<Bundle<impl Read>, UpdateError> {
    let state = BTreeMap::from([("ironhull".to_owned(), 2)]);
    let facts = Facts {
        role: "single",
        architecture: "amd64",
        epoch: EPOCH,
        kernel_bytes: layout.kernel as u64,
        root_bytes: layout.root as u64,
        state: &state,
        now_secs: 1_800_000_000,
    };
    update::examine(|| Ok(open()), &generation::keys(), (&facts, KUBERNETES), &mut |_| ())
}

/// Where an update is cut.
enum Cut {
    InTheRoot,
    BeforeTheCommit,
}

/// What `init` knows of the running generation.
pub fn running_of(slot: Slot, generation: u32) -> Running {
    Running { slot, generation, why: Why::HasTries }
}

/// The record of a blessed generation in slot A.
fn record(generation: u32) -> Record {
    let mut record = Record { epoch_floor: EPOCH, ..Record::installed(EPOCH) };
    let flags = Flags::PRESENT.with(Flags::BLESSED);
    record.slots.a = Entry { generation, flags, tries_left: BLESSED_TRIES, ..record.slots.a };
    record
}

/// Writes a record to its place.
pub fn put_record(disk: &mut [u8], place: Place, record: &Record) {
    let at = usize::try_from(place.offset()).unwrap();
    disk[at..at + slots::RECORD_BYTES].copy_from_slice(&record.encode());
}

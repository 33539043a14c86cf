//! The node that is updated, with the boot record on the recorded disk, as `init` keeps it.
//!
//! A record is one sector at the place that `slots` chooses, and is synced before anything else happens.

use slots::{Current, Header, Pair, Partition, Place, Record, Refusal, Running, Slot};
use update::{Device, Free, Target, UpdateError};

use crate::disk::{Disk, Opened};
use crate::layout::Layout;

/// Both records of a disk, if they are valid.
pub fn records(bytes: &[u8]) -> [Option<Record>; 2] {
    Place::ALL.map(|place| {
        let at = usize::try_from(place.offset()).unwrap();
        Record::parse(bytes[at..].first_chunk().unwrap())
    })
}

/// The headers of both slots of a disk.
pub fn headers(bytes: &[u8], layout: Layout) -> Pair<Option<Header>> {
    Pair { a: Slot::A, b: Slot::B }.map(|slot: Slot| {
        let kernel = &bytes[layout.range(slot.kernel())];
        Header::parse(kernel.first_chunk().unwrap(), kernel.len() as u64)
    })
}

/// The node.
pub struct Node {
    pub disk: Disk,
    pub running: Running,
}

impl Node {
    /// The current record of the disk.
    pub fn current(&self) -> Current {
        let state = self.disk.state();
        let [first, second] = records(&state.medium);
        Current::new(first, second, &headers(&state.medium, state.layout))
    }

    /// Writes the record that was decided.
    pub fn write(&self, decided: Result<Record, Refusal>) -> Result<(), UpdateError> {
        let record = decided.map_err(|refusal| refused(&refusal))?;
        let (place, bootstate) = (self.current().write_to, self.disk.open(Partition::BootState));
        let written = bootstate.write_at(&record.encode(), place.offset()).and_then(|()| bootstate.sync());
        written.map_err(|failed| refused(&failed))
    }

    /// Opens a slot.
    pub fn open(&self, slot: Slot, generation: u32) -> Free<Opened> {
        let [kernel, root] = [slot.kernel(), slot.root()].map(|partition| self.disk.open(partition));
        Free { generation, kernel, root }
    }
}

/// The error that `init` returns when it does not write the record.
fn refused(why: &impl std::fmt::Display) -> UpdateError {
    UpdateError::Slots { message: format!("boot record: {why}"), hint: String::new() }
}

impl Target for Node {
    type Device = Opened;

    fn begin(&mut self) -> Result<Free<Opened>, UpdateError> {
        let begun = slots::begin_update(&self.current().record, self.running);
        let (slot, record) = begun.map_err(|refusal| refused(&refusal))?;
        self.write(Ok(record))?;
        Ok(self.open(slot, record.next_generation()))
    }

    fn commit(&mut self, generation: u32, epoch: u32) -> Result<(), UpdateError> {
        self.write(slots::commit_update(&self.current().record, self.running, generation, epoch))
    }
}

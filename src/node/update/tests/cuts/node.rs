//! The node that is updated: the boot record as `init` keeps it, on the recorded disk.
//!
//! One sector to the place that `slots` says, on the medium before anything else goes on.

use slots::{Current, Header, Pair, Partition, Place, Record, Refusal, Running, Slot};
use update::{Device, Free, Target, UpdateError};

use crate::disk::{Disk, Opened};
use crate::layout::Layout;

/// Both records of a disk, as they are valid.
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
    /// What the disk says.
    pub fn current(&self) -> Current {
        let state = self.disk.state();
        let [first, second] = records(&state.medium);
        Current::new(first, second, &headers(&state.medium, state.layout))
    }

    /// Writes what was decided.
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

/// What `init` answers when it does not write the record.
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

//! Judges a disk after a cut: what the boot loader starts must be a complete generation, and the right one.

use std::cell::RefCell;

use slots::{Boot, Header, Partition, Place, RECORD_BYTES, Reason, Slot, Start, newest};

use crate::disk::Op;
use crate::layout::Layout;
use crate::node::{headers, records};
use crate::scene::Scene;
use crate::whole;

/// What the judge knows of the update.
pub struct Judge<'a> {
    before: &'a Scene,
    /// Number of the generation that is installed.
    new: u32,
    /// The commit: the last record that the update wrote, and its place.
    commit: Option<(usize, Vec<u8>)>,
    /// Slots found complete, so that the same bytes need not be checked again.
    known: RefCell<Vec<Known>>,
}

/// A slot that was found complete.
struct Known {
    kernel: Vec<u8>,
    root: Vec<u8>,
    header: Header,
}

impl<'a> Judge<'a> {
    /// The judge of an update of `before` to generation `new`, whose operations are in `log`.
    pub fn new(before: &'a Scene, new: u32, log: &[Op]) -> Judge<'a> {
        let record = |op: &Op| match op {
            Op::Write { partition: Partition::BootState, at, bytes } => Some((*at, bytes.clone())),
            _ => None,
        };
        let commit = log.iter().rev().find_map(record);
        Judge { before, new, commit, known: RefCell::default() }
    }

    /// The partitions of the disk.
    fn layout(&self) -> Layout {
        self.before.layout
    }

    /// Whether the commit is on the disk.
    fn is_committed(&self, disk: &[u8]) -> bool {
        self.commit.as_ref().is_some_and(|(at, record)| disk[*at..].starts_with(record))
    }

    /// Judges a disk: as it is, then without the current record, then without both. The disk is unchanged
    /// afterwards.
    pub fn judge(&self, disk: &mut [u8]) -> Result<(), String> {
        self.check_kept(disk)?;
        self.check_present(disk)?;
        let running = self.before.running;
        let expected = match self.is_committed(disk) {
            true => (running.slot.other(), self.new),
            false => (running.slot, running.generation),
        };
        let start = self.started(disk)?;
        if (start.slot, start.generation) != expected {
            return Err(format!("{:?} is started, expected {expected:?}", (start.slot, start.generation)));
        }
        let kept = disk[self.layout().range(Partition::BootState)].to_vec();
        let judged = self.judge_lost(disk);
        disk[self.layout().range(Partition::BootState)].copy_from_slice(&kept);
        judged
    }

    /// Judges a disk that loses one record after the other.
    fn judge_lost(&self, disk: &mut [u8]) -> Result<(), String> {
        for lost in ["the record that counts", "both records"] {
            let [first, second] = records(disk);
            if let Some((place, _)) = newest(first, second) {
                destroy(disk, place);
            }
            self.started(disk).map_err(|e| format!("without {lost}: {e}"))?;
        }
        Ok(())
    }

    /// Checks that the running slot is unchanged.
    fn check_kept(&self, disk: &[u8]) -> Result<(), String> {
        let slot = self.before.running.slot;
        for partition in [slot.kernel(), slot.root()] {
            let range = self.layout().range(partition);
            if disk[range.clone()] != self.before.bytes[range] {
                return Err(format!("{} was written", partition.label()));
            }
        }
        Ok(())
    }

    /// Checks that slots marked as present are complete.
    fn check_present(&self, disk: &[u8]) -> Result<(), String> {
        let [first, second] = records(disk);
        let (_, record) = newest(first, second).ok_or("both records are lost")?;
        for slot in Slot::ALL {
            let entry = record.slots.get(slot);
            if entry.is_present() && self.whole(disk, slot)?.generation != entry.generation {
                return Err(format!("slot {slot} has another generation than {}", entry.generation));
            }
        }
        Ok(())
    }

    /// Goes through a boot as the boot loader does, up to a kernel image that starts; its generation must be
    /// complete.
    pub fn started(&self, disk: &[u8]) -> Result<Start, String> {
        let [first, second] = records(disk);
        let mut boot = Boot::new(first, second, &headers(disk, self.layout()));
        while let Some(start) = boot.next_start() {
            let (kernel, root) = self.bytes(disk, start.slot);
            if self.known(kernel, root).is_none() && whole::kernel_image(kernel).is_err() {
                boot.refuse(start.slot, Reason::BadSha256);
                continue;
            }
            let header = self.whole(disk, start.slot)?;
            return match header.generation == start.generation {
                true => Ok(start),
                false => Err(format!("slot {} has generation {}", start.slot, header.generation)),
            };
        }
        Err("nothing is started".to_owned())
    }

    /// Returns the header of a slot that is complete.
    fn whole(&self, disk: &[u8], slot: Slot) -> Result<Header, String> {
        let (kernel, root) = self.bytes(disk, slot);
        if let Some(header) = self.known(kernel, root) {
            return Ok(header);
        }
        let header = whole::generation(kernel, root).map_err(|e| format!("slot {slot}: {e}"))?;
        let found = Known { kernel: kernel.to_vec(), root: root.to_vec(), header };
        self.known.borrow_mut().push(found);
        Ok(header)
    }

    /// Returns the header of these bytes if they were found complete before.
    fn known(&self, kernel: &[u8], root: &[u8]) -> Option<Header> {
        let known = self.known.borrow();
        known.iter().find(|k| k.kernel == kernel && k.root == root).map(|k| k.header)
    }

    /// Both partitions of a slot.
    fn bytes<'d>(&self, disk: &'d [u8], slot: Slot) -> (&'d [u8], &'d [u8]) {
        (&disk[self.layout().range(slot.kernel())], &disk[self.layout().range(slot.root())])
    }
}

/// Makes a record invalid.
fn destroy(disk: &mut [u8], place: Place) {
    let at = usize::try_from(place.offset()).unwrap();
    disk[at..at + RECORD_BYTES].fill(0xff);
}

//! What the boot loader would do with a disk: its own code, applied to a disk in a file.
//!
//! Records are passed separately, so that one disk can be judged with many of them.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use slots::{
    Boot, HEADER_BYTES, Header, Pair, Partition, Place, RECORD_BYTES, Reason, Record, Slot, UKI_OFFSET,
};

use crate::image;

/// A disk: its records, and which of its slots can be started.
#[derive(Debug)]
pub struct Disk {
    /// The byte range of the partition `bootstate`.
    pub range: Range<u64>,
    /// The content of that partition.
    pub bootstate: Vec<u8>,
    headers: Pair<Option<Header>>,
    sound: Pair<bool>,
}

impl Disk {
    /// Reads a raw disk: records, headers, and the digest of each kernel image.
    ///
    /// # Panics
    /// If it can't be read or lacks one of the partitions.
    #[must_use]
    pub fn read(path: &Path) -> Disk {
        let file = File::open(path).expect("opening the disk");
        let (start, bytes) = image::partition(path, Partition::BootState);
        let both = Pair { a: Slot::A, b: Slot::B };
        let headers = both.map(|slot| header(&file, image::partition(path, slot.kernel())));
        let is_sound = |slot: Slot| {
            let start = image::partition(path, slot.kernel()).0;
            headers.get(slot).is_some_and(|h| digest(&file, start + UKI_OFFSET, h.length) == h.sha256)
        };
        let bootstate = read(&file, start, bytes);
        Disk { range: start..start + bytes, bootstate, headers, sound: both.map(is_sound) }
    }

    /// Returns the slot that is started with this content of `bootstate`, among those whose kernel image has
    /// the digest in its header; `None` if there is none.
    #[must_use]
    pub fn starts(&self, bootstate: &[u8]) -> Option<Slot> {
        let [first, second] = records(bootstate);
        let mut boot = Boot::new(first, second, &self.headers);
        while let Some(start) = boot.next_start() {
            if *self.sound.get(start.slot) {
                return Some(start.slot);
            }
            boot.refuse(start.slot, Reason::BadSha256);
        }
        None
    }
}

/// Returns the first and the second record in a content of `bootstate`; `None` for one that is not valid.
#[must_use]
pub fn records(bootstate: &[u8]) -> [Option<Record>; 2] {
    Place::ALL.map(|place| {
        let at = usize::try_from(place.offset()).ok()?;
        Record::parse(bootstate.get(at..)?.first_chunk::<RECORD_BYTES>()?)
    })
}

/// Reads the header of a kernel partition.
fn header(file: &File, (start, bytes): (u64, u64)) -> Option<Header> {
    Header::parse(read(file, start, HEADER_BYTES as u64).first_chunk()?, bytes)
}

/// Returns the digest of a part of the disk.
fn digest(file: &File, start: u64, bytes: u64) -> [u8; 32] {
    Sha256::digest(read(file, start, bytes)).into()
}

/// Reads a part of the disk.
fn read(file: &File, start: u64, bytes: u64) -> Vec<u8> {
    let mut part = vec![0; usize::try_from(bytes).expect("a part fits into memory")];
    file.read_exact_at(&mut part, start).expect("reading the disk");
    part
}

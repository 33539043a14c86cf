//! A disk on which generation 1 runs blessed from slot A, and changes to it by an upgrade or by damage.
//!
//! The records are decided by `slots` and written in the same order as by `init` and an updater.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use e2e::image;
use e2e::lab::Lab;
use e2e::node::wait;
use formats::verity::Hasher;
use sha2::{Digest, Sha256};
use slots::{Flags, Header, Partition, Place, Reason, Record, RootParams, Running, Slot, UKI_OFFSET, Why};

/// The running generation when an upgrade is installed.
const RUNNING: Running = Running { slot: Slot::A, generation: 1, why: Why::HasTries };

/// A raw disk.
pub struct Disk {
    pub path: PathBuf,
    file: File,
}

impl Disk {
    /// Copies the built image, with generation 1 blessed.
    pub fn new(lab: &Lab, name: &str) -> Disk {
        Disk::of(&image::raw(), lab, name)
    }

    /// Copies an image, with generation 1 blessed.
    pub fn of(image: &Path, lab: &Lab, name: &str) -> Disk {
        let disk = copy(image, lab, name);
        disk.write_record(&slots::bless(&disk.record(), RUNNING).unwrap());
        disk
    }

    /// Copies this disk.
    pub fn copy(&self, lab: &Lab, name: &str) -> Disk {
        copy(&self.path, lab, name)
    }

    /// Installs a kernel image as generation 2 in slot B, as an upgrade does.
    pub fn install(&self, uki: &[u8]) {
        let (_, begun) = slots::begin_update(&self.record(), RUNNING).unwrap();
        self.write_record(&begun);
        let (length, sha256) = (uki.len() as u64, Sha256::digest(uki).into());
        let epoch = begun.slots.a.epoch;
        let header = Header { length, sha256, generation: 2, epoch };
        self.put(Partition::KernelB, 0, &header.encode());
        self.put(Partition::KernelB, UKI_OFFSET, uki);
        self.write_record(&slots::commit_update(&begun, RUNNING, 2, epoch).unwrap());
    }

    /// Leaves generation 2 one try, as if it had failed twice in the same way.
    pub fn leave_one_try(&self) {
        let mut record = self.record().succeeding();
        record.slots.b.tries_left = 1;
        self.write_record(&record);
    }

    /// Marks generation 2 as blessed.
    pub fn bless_b(&self) {
        let mut record = self.record().succeeding();
        record.slots.b.flags = Flags::PRESENT.with(Flags::BLESSED);
        self.write_record(&record);
    }

    /// Marks generation 2 as blessed and then retired, without a failure.
    pub fn retire_b(&self) {
        let mut record = self.record().succeeding();
        record.slots.b.flags = Flags::PRESENT.with(Flags::BLESSED).with(Flags::RETIRED);
        self.write_record(&record);
    }

    /// Copies the root of slot A to slot B.
    pub fn copy_root(&self) {
        let [(from, bytes), (to, _)] = [Partition::RootA, Partition::RootB].map(|p| self.place(p));
        let mut piece = vec![0; 4 << 20];
        for at in (0..bytes).step_by(piece.len()) {
            self.file.read_exact_at(&mut piece, from + at).unwrap();
            self.file.write_all_at(&piece, to + at).unwrap();
        }
    }

    /// Writes the image's root to slot B, with these bytes at the start of a file, and returns the matching
    /// parameters of the command line.
    pub fn put_root(&self, lab: &Lab, path: &str, bytes: &[u8]) -> RootParams {
        let mut root = std::fs::read(lab.root()).unwrap();
        let file = std::fs::read(lab.unpacked().join(path)).unwrap();
        let block = root.chunks(4096).position(|b| b == &file[..4096]).expect("it stands in whole blocks");
        let place = &mut root[block * 4096..][..bytes.len()];
        assert!(*place == file[..bytes.len()], "{path} stands in one piece");
        place.copy_from_slice(bytes);
        let mut hasher = Hasher::new(image::root_params().salt);
        hasher.write_all(&root).unwrap();
        let tree = hasher.finish().unwrap();
        let (data_blocks, salt) = (tree.data_blocks, tree.salt);
        let params = RootParams { root_hash: tree.root_hash, salt, data_blocks, hash_block: data_blocks };
        tree.write(params.uuid(), &mut root).unwrap();
        self.put(Partition::RootB, 0, &root);
        params
    }

    /// Flips one bit.
    pub fn flip(&self, partition: Partition, at: u64) {
        let at = self.place(partition).0 + at;
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, at).unwrap();
        self.file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }

    /// Writes bytes to a partition.
    pub fn put(&self, partition: Partition, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, self.place(partition).0 + at).unwrap();
    }

    /// Overwrites every block in which a superblock of a partition's file system may be.
    pub fn destroy(&self, partition: Partition) {
        let (_, bytes) = self.place(partition);
        let group = 32_768 * 4096;
        (0..bytes / group).for_each(|n| self.put(partition, n * group, &[0xee; 4096]));
    }

    /// Returns the begin of a partition, which has its tables.
    pub fn begin(&self, partition: Partition) -> Vec<u8> {
        let mut bytes = vec![0; 160 << 20];
        self.file.read_exact_at(&mut bytes, self.place(partition).0).unwrap();
        bytes
    }

    /// Returns start and length of a partition in bytes.
    pub fn place(&self, partition: Partition) -> (u64, u64) {
        image::partition(&self.path, partition)
    }

    /// Returns the current record.
    pub fn record(&self) -> Record {
        slots::newest(self.record_at(Place::First), self.record_at(Place::Second)).unwrap().1
    }

    fn record_at(&self, place: Place) -> Option<Record> {
        let mut block = [0; slots::RECORD_BYTES];
        let at = self.place(Partition::BootState).0 + place.offset();
        self.file.read_exact_at(&mut block, at).unwrap();
        Record::parse(&block)
    }

    fn write_record(&self, record: &Record) {
        let place = slots::write_place(self.record_at(Place::First), self.record_at(Place::Second));
        self.put(Partition::BootState, place.offset(), &record.encode());
    }

    /// Asserts that a slot is complete: its kernel image matches its header, and its root the command line of
    /// the image.
    #[track_caller]
    pub fn assert_whole(&self, slot: Slot) {
        let (start, room) = self.place(slot.kernel());
        let mut block = [0; slots::HEADER_BYTES];
        self.file.read_exact_at(&mut block, start).unwrap();
        let header = Header::parse(&block, room).expect("the slot has a header");
        let mut uki = vec![0; usize::try_from(header.length).unwrap()];
        self.file.read_exact_at(&mut uki, start + UKI_OFFSET).unwrap();
        assert_eq!(<[u8; 32]>::from(Sha256::digest(&uki)), header.sha256, "kernel image in slot {slot}");
        let sections = formats::uki::sections(&uki).unwrap();
        let cmdline = sections.iter().find(|s| s.name == ".cmdline").unwrap().bytes;
        let params = RootParams::parse(std::str::from_utf8(cmdline).unwrap()).unwrap();
        let (start, bytes) = self.place(slot.root());
        let mut root = vec![0; usize::try_from(bytes).unwrap()];
        self.file.read_exact_at(&mut root, start).unwrap();
        formats::verity::verify(&root, &params).unwrap_or_else(|e| panic!("root in slot {slot}: {e}"));
    }

    /// Waits until the machine that runs from it has marked its generation as answering.
    pub fn wait_for_answer(&self) {
        wait("the start is answered", || self.record().attempt.is_none());
    }

    /// Asserts that generation 2 has no tries left, with this reason, and that generation 1 is unchanged.
    #[track_caller]
    pub fn assert_fell_back(&self, reason: Reason) {
        let record = self.record();
        assert_eq!((record.slots.b.generation, record.slots.b.tries_left), (2, 0), "{record}");
        assert_eq!(record.slots.b.last_failure, reason, "{record}");
        assert!(record.slots.a.generation == 1 && record.slots.a.is_proven(), "{record}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The next disk needs the space; what can't be removed is removed with the lab.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Copies a disk without its holes.
fn copy(from: &Path, lab: &Lab, name: &str) -> Disk {
    let path = lab.dir().join(format!("{name}.raw"));
    image::copy(from, &path);
    let file = File::options().read(true).write(true).open(&path).unwrap();
    Disk { path, file }
}

/// Returns a path as text.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}

//! A small disk for the boot loader: ESP, boot records, two kernel partitions.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use formats::disk::{ReadAt, read_vec};
use formats::fat;
use formats::gpt::{self, Guid, Table};
use sha2::{Digest, Sha256};
use slots::{Entry, Flags, Header, Pair, Partition, Place, Record, Slot, UKI_OFFSET};

use crate::programs;

const MIB: u64 = 1 << 20;
/// Partitions with their lengths, in order, from 1 MiB on.
const PLACES: [(Partition, u64); 4] = [
    (Partition::Esp, 40 * MIB),
    (Partition::BootState, MIB),
    (Partition::KernelA, 4 * MIB),
    (Partition::KernelB, 4 * MIB),
];
const DISK_BYTES: u64 = 51 * MIB;

/// The content of a disk.
#[derive(Clone)]
pub struct Contents {
    /// The program that the firmware starts.
    pub loader: Vec<u8>,
    /// The two records as bytes.
    pub records: [Vec<u8>; 2],
    /// The kernel partitions.
    pub kernels: Pair<Vec<u8>>,
    /// Further files on the ESP.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Distinguishes the GUIDs of disks.
    pub seed: u8,
}

impl Contents {
    /// Slot A blessed with generation 1, slot B on trial with generation 2.
    pub fn new(a: &[u8], b: &[u8]) -> Contents {
        let record = record(1, 9, 3);
        let older = Record { sequence: record.sequence - 1, ..record };
        Contents {
            loader: programs::loader(),
            records: [record.encode().to_vec(), older.encode().to_vec()],
            kernels: Pair { a: kernel(a, 1), b: kernel(b, 2) },
            files: BTreeMap::new(),
            seed: 1,
        }
    }

    /// Replaces the first record; the second one becomes invalid.
    pub fn with_record(mut self, record: &Record) -> Contents {
        self.records = [record.encode().to_vec(), vec![0; 512]];
        self
    }

    /// Writes the disk.
    pub fn write(&self, path: &Path) -> DiskFile {
        let mut file = File::options().create(true).truncate(true).read(true).write(true).open(path).unwrap();
        file.set_len(DISK_BYTES).unwrap();
        gpt::write(&mut file, &table(self.seed)).unwrap();
        let mut files = self.files.clone();
        files.insert("EFI/BOOT/BOOTX64.EFI".to_owned(), self.loader.clone());
        let (start, bytes) = place(Partition::Esp);
        let options =
            fat::Options { kind: fat::Kind::Fat32, bytes, offset: start, serial: 1, label: "ESP".to_owned() };
        let esp = fat::write(files, &options).unwrap();
        let mut next = 0;
        while let Some(range) = esp.next_data(next).unwrap() {
            let bytes = read_vec(&esp, range.start, range.end - range.start).unwrap();
            file.write_all_at(&bytes, start + range.start).unwrap();
            next = range.end;
        }
        let disk = DiskFile { path: path.to_owned(), file };
        for (place, record) in Place::ALL.into_iter().zip(&self.records) {
            disk.put(Partition::BootState, place.offset(), record);
        }
        for slot in Slot::ALL {
            disk.put(slot.kernel(), 0, self.kernels.get(slot));
        }
        disk
    }
}

/// A disk that was written to a file.
pub struct DiskFile {
    pub path: PathBuf,
    file: File,
}

impl DiskFile {
    /// Returns QEMU's arguments for a second disk, attached by virtio as `option` says.
    pub fn attached(&self, option: &str) -> Vec<String> {
        let drive = format!("if=none,id=other,format=raw,file={}", self.path.display());
        let device = format!("virtio-blk-pci,drive=other,{option}");
        vec!["-drive".to_owned(), drive, "-device".to_owned(), device]
    }

    fn put(&self, partition: Partition, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, place(partition).0 + at).unwrap();
    }

    /// Returns the current record.
    pub fn record(&self) -> Option<Record> {
        let [first, second] = Place::ALL.map(|p| {
            let mut block = [0; 512];
            self.file.read_exact_at(&mut block, place(Partition::BootState).0 + p.offset()).unwrap();
            Record::parse(&block)
        });
        slots::newest(first, second).map(|(_, record)| record)
    }

    /// Returns the digest of everything but the boot records, whose partition is the only one ever written.
    pub fn rest(&self) -> [u8; 32] {
        let (start, bytes) = place(Partition::BootState);
        let mut digest = Sha256::new();
        for (from, to) in [(0, start), (start + bytes, DISK_BYTES)] {
            let mut part = vec![0; usize::try_from(to - from).unwrap()];
            self.file.read_exact_at(&mut part, from).unwrap();
            digest.update(&part);
        }
        digest.finalize().into()
    }
}

/// Returns a record: slot A blessed with generation 1, slot B on trial with generation 2.
pub fn record(boots: u32, a_tries: u8, b_tries: u8) -> Record {
    let entry = |generation, flag, tries_left| Entry {
        generation,
        flags: Flags::PRESENT.with(flag),
        tries_left,
        ..Entry::default()
    };
    let slots = Pair { a: entry(1, Flags::BLESSED, a_tries), b: entry(2, Flags::TRIAL, b_tries) };
    Record { sequence: 10, boots, slots, ..Record::default() }
}

/// Returns a kernel partition: header and program.
pub fn kernel(program: &[u8], generation: u32) -> Vec<u8> {
    let length = program.len() as u64;
    let header = Header { length, sha256: Sha256::digest(program).into(), generation, epoch: 0 };
    let mut bytes = header.encode().to_vec();
    bytes.resize(usize::try_from(UKI_OFFSET).unwrap(), 0);
    bytes.extend(program);
    bytes
}

/// Returns the start and the length of a partition.
fn place(partition: Partition) -> (u64, u64) {
    let before = PLACES.iter().take_while(|(p, _)| *p != partition).map(|(_, bytes)| bytes);
    let bytes = PLACES.iter().find(|(p, _)| *p == partition).unwrap().1;
    (MIB + before.sum::<u64>(), bytes)
}

fn table(seed: u8) -> Table {
    let partition = |(partition, bytes): &(Partition, u64)| gpt::Partition {
        number: partition.number(),
        type_guid: Guid::parse(partition.type_guid()).unwrap(),
        unique_guid: Guid([seed * 16 + u8::try_from(partition.number()).unwrap(); 16]),
        first_lba: place(*partition).0 / 512,
        last_lba: (place(*partition).0 + bytes) / 512 - 1,
        attributes: partition.attributes(),
        name: partition.label().to_owned(),
    };
    Table {
        disk_guid: Guid([seed; 16]),
        disk_blocks: DISK_BYTES / 512,
        partitions: PLACES.iter().map(partition).collect(),
    }
}

//! A small medium, and a disk that can fail.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Mutex;

use disk::{Contents, Layout, Sizes, arrange_medium};
use formats::disk::{Cursor, ReadAt, Window, read_vec};
use formats::gpt;
use formats::verity::Hasher;
use install::{Medium, Order, Target};
use sha2::{Digest, Sha256};
use slots::RootParams;

/// Sizes of the partitions.
pub const SIZES: Sizes = Sizes { root_mib: 2, kernel_mib: 1, state_mib: 16, data_mib: 1 };
/// Length of the disks: a little more than the partitions need.
pub const DISK_BYTES: u64 = (64 + 1 + 2 + 4 + 16 + 1 + 2 + 3) * (1 << 20) + 512;

/// A medium.
pub struct Lab {
    pub image: Vec<u8>,
    params: RootParams,
}

impl Lab {
    pub fn new() -> Lab {
        let mut hasher = Hasher::new([5; 32]);
        let mut root: Vec<u8> = (0..40_u32 << 10).flat_map(|n| n.to_le_bytes()).collect();
        hasher.write_all(&root).unwrap();
        let tree = hasher.finish().unwrap();
        let blocks = root.len() as u64 / 4096;
        let params = RootParams {
            root_hash: tree.root_hash,
            salt: tree.salt,
            data_blocks: blocks,
            hash_block: blocks,
        };
        tree.write(params.uuid(), &mut root).unwrap();
        let uki = vec![9; 300_000];
        let contents = Contents {
            name: "small",
            epoch: 3,
            params,
            root: &root,
            uki: &uki,
            uki_sha256: Sha256::digest(&uki).into(),
            loader: b"the loader",
            seed: &[],
        };
        let medium = arrange_medium(&contents).unwrap();
        Lab { image: read_vec(&medium, 0, medium.len()).unwrap(), params }
    }

    pub fn medium(&self) -> Medium<&Vec<u8>> {
        Medium::open(&self.image, self.params).unwrap()
    }

    pub fn order(&self, seed: u8) -> Order<'static> {
        Order {
            name: "small",
            sizes: SIZES,
            seed: [seed; 32],
            config: Some(("given.yaml", "kind: NodeConfig\n")),
            now_secs: 1_796_000_000,
        }
    }

    /// Changes a byte of a partition.
    pub fn flip(&mut self, partition: &str, offset: usize) {
        let table = gpt::read(&mut Cursor::new(&self.image), self.image.len() as u64 / 512).unwrap();
        let found = table.partitions.iter().find(|p| p.name == partition).unwrap();
        let at = usize::try_from(found.first_lba * 512).unwrap() + offset;
        self.image[at] ^= 1;
    }
}

/// A disk in memory.
pub struct Disk {
    bytes: Mutex<Vec<u8>>,
    faults: Mutex<Faults>,
}

#[derive(Default)]
struct Faults {
    /// Writes so far, and after how many of them there is no power.
    writes: usize,
    cut: Option<usize>,
    /// A write that is confirmed and lost.
    lost: Option<usize>,
}

impl Disk {
    pub fn empty() -> Disk {
        let bytes = vec![0; usize::try_from(DISK_BYTES).unwrap()];
        Disk { bytes: Mutex::new(bytes), faults: Mutex::default() }
    }

    /// A disk full of what must not shine through.
    pub fn with_old_data() -> Disk {
        let disk = Disk::empty();
        disk.bytes.lock().unwrap().fill(0xa5);
        disk
    }

    /// The same, too small by a MiB.
    pub fn shortened(self) -> Disk {
        let length = Layout::new(&SIZES).disk_bytes() - (1 << 20);
        self.bytes.lock().unwrap().truncate(usize::try_from(length).unwrap());
        self
    }

    pub fn put(&self, at: u64, byte: u8) {
        self.bytes.lock().unwrap()[usize::try_from(at).unwrap()] = byte;
    }

    pub fn cut_after(&self, writes: usize) {
        self.faults.lock().unwrap().cut = Some(writes);
    }

    pub fn powered(&self) {
        self.faults.lock().unwrap().cut = None;
    }

    pub fn lose_write(&self, number: usize) {
        self.faults.lock().unwrap().lost = Some(number);
    }

    pub fn writes(&self) -> usize {
        self.faults.lock().unwrap().writes
    }

    /// Has foreign tools check the file system of the state, and find the config.
    pub fn judged(&self, state: &Window<&Disk>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), read_vec(state, 0, state.len()).unwrap()).unwrap();
        let path = file.path().display().to_string();
        if let Some(e2fsck) = judges::find("e2fsck") {
            e2fsck.agrees(&["-fn", &path]);
        }
        if let Some(debugfs) = judges::find("debugfs") {
            let told = debugfs.agrees(&["-R", "cat /config/given.yaml", &path]);
            // Its version comes after.
            assert!(told.starts_with("kind: NodeConfig\n"), "{told}");
            let told = debugfs.agrees(&["-R", "stat /config/given.yaml", &path]);
            assert!(told.contains("Mode:  0600"), "{told}");
        }
    }

    /// Has `sgdisk` check the partition table.
    pub fn sgdisk(&self) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &*self.bytes.lock().unwrap()).unwrap();
        if let Some(sgdisk) = judges::find("sgdisk") {
            let told = sgdisk.agrees(&["-v", &file.path().display().to_string()]);
            assert!(told.contains("No problems found"), "{told}");
        }
    }

    /// Counts a write; returns whether it reaches the disk.
    fn write(&self) -> io::Result<bool> {
        let mut faults = self.faults.lock().unwrap();
        if faults.cut.is_some_and(|cut| faults.writes >= cut) {
            return Err(io::Error::other("no power"));
        }
        faults.writes += 1;
        Ok(faults.lost != Some(faults.writes))
    }
}

impl ReadAt for Disk {
    fn len(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.bytes.lock().unwrap().read_exact_at(buf, offset)
    }
}

impl Target for Disk {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.write()? {
            let at = usize::try_from(offset).unwrap();
            self.bytes.lock().unwrap()[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }

    fn zero(&self, range: Range<u64>) -> io::Result<()> {
        if self.write()? {
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            self.bytes.lock().unwrap()[range].fill(0);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn forget(&self) {}
}

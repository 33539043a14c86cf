//! Generations and the bundles that contain them, made by the code that builds images.

use std::collections::BTreeMap;
use std::io::Write;

use bundle::{Hash, KeySet, Manifest, Parts, SecretKey, StateVersions};
use formats::verity::Hasher;
use slots::{Header, RootParams, Slot, UKI_OFFSET};

use crate::layout::{Layout, SECTOR};
use crate::pe;

/// The epoch of node and bundles.
pub const EPOCH: u32 = 3;
/// The version of Kubernetes of node and bundles.
pub const KUBERNETES: &str = "1.36.3";

/// The size of a generation.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Bytes of its initrd.
    pub initrd: usize,
    /// Blocks of its root, without the verity tree.
    pub blocks: usize,
}

/// The verity tree of its root has two levels.
pub const SMALL: Size = Size { initrd: 20_000, blocks: 131 };
/// Small enough to be installed once for each of its sectors; its tree has one level.
pub const TINY: Size = Size { initrd: 9_000, blocks: 12 };
/// Each part has two frames.
pub const LARGE: Size = Size { initrd: 4_300_000, blocks: 1100 };

/// The content of a generation.
#[derive(Clone)]
pub struct Generation {
    pub uki: Vec<u8>,
    pub root: Vec<u8>,
    pub root_hash: [u8; 32],
}

/// Compressible bytes in which no sector equals another one, or one of any other seed.
fn content(seed: u8, length: usize) -> Vec<u8> {
    let sectors = (0u32..).map(|i| {
        let [a, b, c, _] = i.to_le_bytes();
        [seed, a, b, c].repeat(SECTOR / 4)
    });
    sectors.take(length.div_ceil(SECTOR)).flatten().take(length).collect()
}

/// Makes a generation; each seed gives a different one.
pub fn make(seed: u8, size: Size) -> Generation {
    let mut root = content(seed, size.blocks * 4096);
    let mut hasher = Hasher::new([seed; 32]);
    hasher.write_all(&root).unwrap();
    let tree = hasher.finish().unwrap();
    let (root_hash, blocks) = (tree.root_hash, size.blocks as u64);
    let params = RootParams { root_hash, salt: tree.salt, data_blocks: blocks, hash_block: blocks };
    tree.write(params.uuid(), &mut root).unwrap();
    let uki = pe::image(&format!("quiet {params}"), &content(seed ^ 0x80, size.initrd));
    Generation { uki, root, root_hash }
}

impl Generation {
    /// The disk on which it fills four fifths of its slot, the most that a build allows.
    pub fn layout(&self) -> Layout {
        let room = |bytes: usize| (bytes * 5 / 4).next_multiple_of(4096) + 4096;
        Layout { kernel: room(self.uki.len()), root: room(self.root.len()) }
    }

    /// The header in front of its kernel image.
    pub fn header(&self, generation: u32) -> Header {
        Header { length: self.uki.len() as u64, sha256: Hash::of(&self.uki).0, generation, epoch: EPOCH }
    }

    /// Writes it to a slot of a disk with a generation number, as the image builder does.
    pub fn put(&self, disk: &mut [u8], layout: Layout, (slot, generation): (Slot, u32)) {
        let (kernel, root) = (layout.range(slot.kernel()).start, layout.range(slot.root()).start);
        let uki = kernel + usize::try_from(UKI_OFFSET).unwrap();
        disk[kernel..kernel + SECTOR].copy_from_slice(&self.header(generation).encode());
        disk[uki..uki + self.uki.len()].copy_from_slice(&self.uki);
        disk[root..root + self.root.len()].copy_from_slice(&self.root);
    }

    /// A bundle of it, signed with key 1.
    pub fn bundle(&self) -> Vec<u8> {
        self.bundle_with(&[1], |_| ())
    }

    /// A bundle of it whose manifest is changed before `seeds` sign it.
    pub fn bundle_with(&self, seeds: &[u8], change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
        let pack = |part: &[u8]| {
            let mut frames = Vec::new();
            (bundle::pack(part, &mut frames, |_| ()).unwrap(), frames)
        };
        let ((uki, uki_frames), (root, root_frames)) = (pack(&self.uki), pack(&self.root));
        let mut manifest = Manifest {
            name: "single".into(),
            version: "0.1.0".into(),
            role: "single".into(),
            architecture: "amd64".into(),
            epoch: EPOCH,
            kubernetes: KUBERNETES.into(),
            build_time: 1_790_000_000,
            expires: None,
            state: BTreeMap::from([("ironhull".into(), StateVersions { writes: 2, reads: 1 })]),
            root_hash: Hash(self.root_hash),
            parts: Parts { uki: uki.part, root: root.part },
            key_set: None,
        };
        change(&mut manifest);
        let signatures: Vec<_> = seeds.iter().map(|s| key(*s).sign(&manifest.to_bytes())).collect();
        let mut out = Vec::new();
        let parts = [(&uki, &uki_frames[..]), (&root, &root_frames[..])];
        bundle::write(&manifest, &signatures, parts, &mut out).unwrap();
        out
    }
}

/// The key with this number.
pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// The node's key set: one signature, of key 1.
pub fn keys() -> KeySet {
    KeySet::new(1, 1, vec![key(1).public()]).unwrap()
}

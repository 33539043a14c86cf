//! Forges bundles: signatures and hashes are right, whatever the content.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::collections::BTreeMap;
use std::io::Write;

use bundle::{BundleError, Hash, KeySet, Manifest, Part, Parts, Sealed, SecretKey, StateVersions};

/// A part made of given frames, each with its compressed length in the index.
#[derive(Clone)]
pub struct Forged {
    /// Uncompressed length in the manifest.
    pub bytes: u64,
    pub index: Vec<u8>,
    pub frames: Vec<u8>,
}

impl Forged {
    /// Returns a part of these frames with a correct index.
    pub fn of(bytes: u64, frames: &[&[u8]]) -> Forged {
        let entry = |frame: &&[u8]| {
            let length = u32::try_from(frame.len()).unwrap();
            [&length.to_le_bytes()[..], &Hash::of(frame).0].concat()
        };
        Forged { bytes, index: frames.iter().flat_map(entry).collect(), frames: frames.concat() }
    }

    /// Returns its description in a manifest.
    pub fn part(&self) -> Part {
        let lengths = self.index.chunks_exact(36).map(|e| u32::from_le_bytes(e[..4].try_into().unwrap()));
        Part {
            bytes: self.bytes,
            sha256: Hash([7; 32]),
            packed_bytes: lengths.map(u64::from).sum(),
            index_sha256: Hash::of(&self.index),
        }
    }
}

/// Returns a part of one frame with `content`.
pub fn good(content: &[u8]) -> Forged {
    Forged::of(content.len() as u64, &[&zstd::bulk::compress(content, 3).unwrap()])
}

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

/// Returns a manifest of these parts; the hashes of their content are wrong.
pub fn manifest(uki: &Forged, root: &Forged) -> Manifest {
    Manifest {
        name: "single".into(),
        version: "0.1.0".into(),
        role: "single".into(),
        architecture: "amd64".into(),
        epoch: 3,
        kubernetes: "1.36.3".into(),
        build_time: 1_790_000_000,
        expires: Some(1_800_000_000),
        state: BTreeMap::from([("ironhull".into(), StateVersions { writes: 2, reads: 1 })]),
        root_hash: Hash([7; 32]),
        parts: Parts { uki: uki.part(), root: root.part() },
        key_set: Some(keys()),
    }
}

/// Returns the keys that sign all of it.
pub fn keys() -> KeySet {
    KeySet::new(1, 1, vec![key().public()]).unwrap()
}

/// Returns a signed bundle with this manifest and these parts.
pub fn bundle(manifest: &[u8], parts: [&Forged; 2]) -> Vec<u8> {
    let length = u32::try_from(manifest.len()).unwrap();
    let signature = key().sign(manifest);
    let mut bytes = b"IRONHULL\x01\0\0\0".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(manifest);
    bytes.extend(signature.key.as_bytes());
    bytes.extend(signature.bytes);
    parts.iter().for_each(|part| bytes.extend([&part.index[..], &part.frames].concat()));
    bytes
}

/// Reads a bundle in both ways, first without decompressing; what is decompressed goes to `out`.
pub fn read(bytes: &[u8], out: &mut impl Write) -> Result<Manifest, BundleError> {
    let skimmed = Sealed::open(bytes)?.verify(&keys())?;
    let ignored = &mut |_| ();
    // Errors that skimming does not find must be found by decompression.
    let _ = skimmed.skim(ignored).and_then(|b| b.skim(ignored)).and_then(bundle::Bundle::finish);
    Sealed::open(bytes)?.verify(&keys())?.unpack(out)?.unpack(out)?.finish()
}

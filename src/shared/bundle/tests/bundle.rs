//! Bundles: written and read back, checked with openssl and zstd, and every kind of invalid bundle refused.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::BTreeMap;
use std::io::{Read, Write};

use bundle::{
    Bundle, BundleError, FRAME_BYTES, Hash, KeySet, Kind, Manifest, Packed, Parts, Sealed, SecretKey,
    StateVersions, add_signatures, pack, write,
};
use proptest::prelude::*;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn set(version: u32, threshold: u32, seeds: &[u8]) -> KeySet {
    KeySet::new(version, threshold, seeds.iter().map(|s| key(*s).public()).collect()).unwrap()
}

/// Fixed bytes that hardly compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn packed(content: &[u8]) -> (Packed, Vec<u8>) {
    let mut frames = Vec::new();
    (pack(content, &mut frames, |_| ()).unwrap(), frames)
}

/// Makes a bundle signed with `seeds`.
fn bundle(uki: &[u8], root: &[u8], seeds: &[u8], key_set: Option<KeySet>) -> Vec<u8> {
    let ((uki, uki_frames), (root, root_frames)) = (packed(uki), packed(root));
    let manifest = Manifest {
        name: "single".into(),
        version: "0.1.0".into(),
        role: "single".into(),
        architecture: "amd64".into(),
        epoch: 3,
        kubernetes: "1.36.3".into(),
        build_time: 1_790_000_000,
        expires: None,
        state: BTreeMap::from([("ironhull".into(), StateVersions { writes: 1, reads: 1 })]),
        root_hash: Hash([7; 32]),
        parts: Parts { uki: uki.part, root: root.part },
        key_set,
    };
    let bytes = manifest.to_bytes();
    let signatures: Vec<_> = seeds.iter().map(|s| key(*s).sign(&bytes)).collect();
    let mut out = Vec::new();
    write(&manifest, &signatures, [(&uki, &uki_frames[..]), (&root, &root_frames[..])], &mut out).unwrap();
    out
}

fn small(seeds: &[u8]) -> Vec<u8> {
    bundle(b"a kernel image", &noise(600), seeds, None)
}

fn verify<'a>(bytes: &'a [u8], keys: &KeySet) -> Result<Bundle<&'a [u8]>, BundleError> {
    Sealed::open(bytes)?.verify(keys)
}

/// Reads a complete bundle; returns its parts.
fn read(bytes: &[u8], keys: &KeySet) -> Result<(Vec<u8>, Vec<u8>), BundleError> {
    let (mut uki, mut root) = (Vec::new(), Vec::new());
    let bundle = verify(bytes, keys)?.unpack(&mut uki)?;
    assert_eq!(bundle.next_part(), Some(Kind::Root));
    bundle.unpack(&mut root)?.finish()?;
    Ok((uki, root))
}

#[test]
fn reads_back_what_was_written() {
    let frame = usize::try_from(FRAME_BYTES).unwrap();
    let mut root = noise(2 * frame + 1);
    root.resize(9 * frame, 0);
    for root in [&root[..1], &root[..frame], &root[..frame + 1], &root] {
        let bytes = bundle(b"kernel", root, &[1], None);
        let read = read(&bytes, &set(1, 1, &[1])).unwrap();
        assert!(read.0 == b"kernel" && read.1 == root, "{}", root.len());
    }
}

#[test]
fn threads_and_runs_do_not_change_the_bytes() {
    let root: Vec<u8> = (0..3_000_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
    let one = rayon_pool(1).install(|| bundle(b"kernel", &root, &[2, 1], None));
    assert!(rayon_pool(3).install(|| bundle(b"kernel", &root, &[1, 2], None)) == one);
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[test]
fn the_threshold_counts_known_keys_once() {
    let few = |bytes: &[u8], keys: &KeySet| match verify(bytes, keys) {
        Err(BundleError::TooFewSignatures { valid, threshold, unknown, .. }) => (valid, threshold, unknown),
        other => panic!("{other:?}"),
    };
    assert_eq!(few(&small(&[]), &set(1, 1, &[1])), (0, 1, 0));
    assert_eq!(few(&small(&[9]), &set(1, 1, &[1])), (0, 1, 1));
    assert_eq!(few(&small(&[1, 9]), &set(1, 2, &[1, 2, 3])), (1, 2, 1));
    for seeds in [&[1, 2][..], &[2, 3], &[1, 2, 3, 9]] {
        assert!(verify(&small(seeds), &set(1, 2, &[1, 2, 3])).is_ok(), "{seeds:?}");
    }
}

#[test]
fn one_bad_signature_by_a_known_key_is_one_too_many() {
    let mut bytes = small(&[1, 2]);
    let at = manifest_end(&bytes) + 96 + 40;
    bytes[at] ^= 1;
    let found = verify(&bytes, &set(1, 1, &[1, 2]));
    assert!(matches!(found, Err(BundleError::BadSignature { .. })), "{found:?}");
}

/// Returns the offset of the end of the manifest.
fn manifest_end(bytes: &[u8]) -> usize {
    24 + Sealed::open(bytes).unwrap().manifest_bytes().len()
}

#[test]
fn a_key_signs_once_and_signatures_add_up() {
    let unsigned = small(&[]);
    let sign = |bytes: &[u8], seed| {
        let sealed = Sealed::open(bytes).unwrap();
        let signature = key(seed).sign(sealed.manifest_bytes());
        let mut out = Vec::new();
        add_signatures(sealed, &[signature], &mut out).map(|()| out)
    };
    let twice = sign(&sign(&unsigned, 2).unwrap(), 1).unwrap();
    assert!(twice == small(&[1, 2]), "the order of signing does not matter");
    assert!(read(&twice, &set(1, 2, &[1, 2])).is_ok());
    assert!(matches!(sign(&twice, 1), Err(BundleError::SignedTwice(_))));
}

#[test]
fn a_key_set_is_followed_by_one_that_both_signed() {
    let (old, new) = (set(1, 1, &[1]), set(2, 2, &[2, 3]));
    let rotate = |seeds: &[u8], next: &KeySet| {
        let bytes = bundle(b"k", b"r", seeds, Some(next.clone()));
        verify(&bytes, &old).map(|b| b.next_keys().cloned())
    };
    assert_eq!(rotate(&[1, 2, 3], &new).unwrap(), Some(new.clone()));
    assert!(matches!(rotate(&[1, 2], &new), Err(BundleError::KeySet { .. })));
    assert!(matches!(rotate(&[2, 3], &new), Err(BundleError::TooFewSignatures { .. })));
    assert_eq!(rotate(&[1], &old).unwrap(), None, "the same set again");
    assert_eq!(rotate(&[1], &set(0, 1, &[5])).unwrap(), None, "an older set");
    assert!(matches!(rotate(&[1, 5], &set(1, 1, &[5])), Err(BundleError::KeySet { .. })));
}

#[test]
fn every_flipped_byte_is_refused() {
    let (good, keys) = (small(&[1, 2]), set(1, 2, &[1, 2]));
    read(&good, &keys).unwrap();
    for at in 0..good.len() {
        for mask in [1, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            assert!(read(&bad, &keys).is_err(), "byte {at} of {}", good.len());
        }
    }
}

#[test]
fn every_cut_is_an_early_end_and_more_is_refused_too() {
    let (mut bytes, keys) = (small(&[1, 2]), set(1, 2, &[1, 2]));
    for length in 0..bytes.len() {
        let found = read(&bytes[..length], &keys);
        assert!(matches!(found, Err(BundleError::Truncated(_))), "{length}: {found:?}");
    }
    bytes.push(0);
    assert!(matches!(read(&bytes, &keys), Err(BundleError::Trailing)));
}

#[test]
fn a_cut_between_frames_is_an_early_end() {
    let frame = usize::try_from(FRAME_BYTES).unwrap();
    let root = noise(2 * frame + 5);
    let (_, frames) = packed(&root);
    let bytes = bundle(b"kernel", &root, &[1], None);
    let first = zstd::zstd_safe::find_frame_compressed_size(&frames).unwrap();
    for cut in [frames.len(), frames.len() - first] {
        let found = read(&bytes[..bytes.len() - cut], &set(1, 1, &[1]));
        assert!(matches!(found, Err(BundleError::Truncated("frames"))), "{found:?}");
    }
}

#[test]
fn frames_of_another_bundle_are_not_taken() {
    let (a, b) = (bundle(b"k", &noise(500), &[1], None), bundle(b"k", &noise(501)[1..], &[1], None));
    let mut mixed = a.clone();
    let tail = mixed.len() - 500;
    mixed[tail..].copy_from_slice(&b[b.len() - 500..]);
    let found = read(&mixed, &set(1, 1, &[1]));
    assert!(matches!(found, Err(BundleError::Damaged { part: Kind::Root, what: "frame" })), "{found:?}");
}

#[test]
fn parts_have_an_order_and_an_end() {
    let (bytes, keys) = (small(&[1]), set(1, 1, &[1]));
    let early = verify(&bytes, &keys).unwrap().finish();
    assert!(matches!(early, Err(BundleError::Order { .. })));
    let mut sink = std::io::sink();
    let done = verify(&bytes, &keys).unwrap().unpack(&mut sink).unwrap().unpack(&mut sink).unwrap();
    assert_eq!(done.next_part(), None);
    assert!(matches!(done.unpack(&mut sink), Err(BundleError::Order { .. })));
}

#[test]
fn lengths_are_not_believed() {
    // A prefix that announces the maximum lengths, with nothing after it.
    let mut head = small(&[1])[..24].to_vec();
    head[12..16].copy_from_slice(&65_536u32.to_le_bytes());
    head[16..20].copy_from_slice(&16u32.to_le_bytes());
    assert!(matches!(Sealed::open(&head[..]), Err(BundleError::Truncated("manifest"))));
    for (at, value) in [(12, 65_537u32), (12, u32::MAX), (16, 17), (16, u32::MAX)] {
        let mut bad = head.clone();
        bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert!(matches!(Sealed::open(&bad[..]), Err(BundleError::Malformed { .. })), "{value}");
    }
}

/// Records the largest read.
struct Counting<R>(R, usize);

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1.max(buf.len());
        self.0.read(buf)
    }
}

/// Records the largest write.
struct Longest(usize);

impl Write for Longest {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.max(buf.len());
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_more_than_a_frame_is_held() {
    let frame = usize::try_from(FRAME_BYTES).unwrap();
    let bytes = bundle(b"kernel", &noise(5 * frame), &[1], None);
    let (mut input, mut out) = (Counting(&bytes[..], 0), Longest(0));
    let bundle = Sealed::open(&mut input).unwrap().verify(&set(1, 1, &[1])).unwrap();
    bundle.unpack(&mut out).unwrap().unpack(&mut out).unwrap().finish().unwrap();
    assert_eq!(out.0, frame);
    assert!(input.1 < frame + 20_000, "{}", input.1);
}

#[test]
fn openssl_agrees_about_keys_and_signatures() {
    let Some(openssl) = judges::find("openssl") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    let bytes = small(&[1]);
    let sealed = Sealed::open(&bytes[..]).unwrap();
    file("manifest", sealed.manifest_bytes());
    file("signature", &sealed.signatures()[0].bytes);
    file("key", key(1).to_pem().as_bytes());
    file("pub", key(1).public().to_pem().as_bytes());
    file("other", key(2).public().to_pem().as_bytes());
    let verify = |public: &str| {
        let line = ["pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", "manifest"];
        openssl.ask_in(dir.path(), &[&line[..], &["-sigfile", "signature"]].concat())
    };
    let (good, said) = verify("pub");
    assert!(good, "{said}");
    assert!(!verify("other").0);
    let (good, said) = openssl.ask_in(dir.path(), &["pkey", "-in", "key", "-pubout"]);
    assert!(good && said == key(1).public().to_pem(), "{said}");
}

#[test]
fn zstd_unpacks_a_part() {
    let Some(zstd) = judges::find("zstd") else { return };
    let dir = tempfile::tempdir().unwrap();
    let root = noise(usize::try_from(FRAME_BYTES).unwrap() + 5);
    let bytes = bundle(b"kernel", &root, &[1], None);
    let length = Sealed::open(&bytes[..]).unwrap().claims().unwrap().parts.root.packed_bytes;
    // The frames of the root are the last bytes of a bundle.
    let frames = &bytes[bytes.len() - usize::try_from(length).unwrap()..];
    std::fs::write(dir.path().join("root.zst"), frames).unwrap();
    let (good, said) = zstd.ask_in(dir.path(), &["-t", "root.zst"]);
    assert!(good, "{said}");
    let (good, said) = zstd.ask_in(dir.path(), &["-q", "-d", "root.zst", "-o", "root"]);
    assert!(good && std::fs::read(dir.path().join("root")).unwrap() == root, "{said}");
}

proptest! {
    #[test]
    fn garbage_is_an_error_at_worst(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Sealed::open(&bytes[..]).is_err());
        prop_assert!(Manifest::parse(&bytes).is_err());
        prop_assert!(KeySet::parse(&bytes).is_err());
        let mut behind_a_prefix = small(&[1])[..24].to_vec();
        behind_a_prefix.extend(&bytes);
        prop_assert!(read(&behind_a_prefix, &set(1, 1, &[1])).is_err());
    }
}

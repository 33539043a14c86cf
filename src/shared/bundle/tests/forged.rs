//! Bundles with valid signatures and hashes and arbitrary content, as only the holder of a key can make them,
//! or whoever breaks a hash. Errors are fine, panics are bugs, and no part becomes longer than announced.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod forge;

use std::io::Write;

use bundle::{BundleError, KeySet, Manifest};
use forge::{Forged, bundle, good, keys, manifest, read};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Uses the same cases in each run, so that a failure is reproducible.
fn always_the_same() -> ProptestConfig {
    ProptestConfig {
        cases: 600,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Counts the decompressed bytes.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads a bundle of which only the first part is unusual.
fn read_first(part: &Forged) -> Result<Manifest, BundleError> {
    let root = good(b"a root");
    let mut out = Counted(0);
    let found = read(&bundle(&manifest(part, &root).to_bytes(), [part, &root]), &mut out);
    assert!(out.0 <= part.bytes, "{} of {} bytes", out.0, part.bytes);
    found
}

/// The forgery is correct up to the hash of the content; otherwise the tests below would test nothing.
#[test]
fn a_forged_part_is_read_to_its_end() {
    let found = read_first(&good(b"a kernel image"));
    assert!(matches!(found, Err(BundleError::Damaged { what: "content", .. })), "{found:?}");
}

#[test]
fn a_signed_manifest_with_any_byte_changed_is_an_error_at_worst() {
    let (uki, root) = (good(b"a kernel image"), good(b"a root"));
    let text = manifest(&uki, &root).to_bytes();
    for at in 0..text.len() {
        for byte in [b'0', b'"', b'\\', 0xff, text[at] ^ 1] {
            let mut changed = text.clone();
            changed[at] = byte;
            assert!(read(&bundle(&changed, [&uki, &root]), &mut std::io::sink()).is_err());
        }
    }
}

#[test]
fn a_signed_manifest_with_any_value_replaced_is_an_error_at_worst() {
    let (uki, root) = (good(b"a kernel image"), good(b"a root"));
    let text = String::from_utf8(manifest(&uki, &root).to_bytes()).unwrap();
    let deep = "[".repeat(20_000);
    let long = format!("\"{}\"", "x".repeat(60_000));
    let values = [
        "0",
        "1",
        "-1",
        "4194304",
        "4194305",
        "17179869184",
        "4294967296",
        "18446744073709551615",
        "18446744073709551616",
        "1e400",
        "0.5",
        "null",
        "[]",
        "{}",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        &deep,
        &long,
    ];
    for (at, _) in text.match_indices(": ") {
        let (front, rest) = text.split_at(at + 2);
        let end = rest.find([',', '\n']).unwrap();
        for value in values {
            let changed = format!("{front}{value}{}", &rest[end..]);
            let bytes = bundle(changed.as_bytes(), [&uki, &root]);
            assert!(read(&bytes, &mut std::io::sink()).is_err(), "{changed}");
        }
    }
}

#[test]
fn a_key_set_with_any_value_replaced_is_sound_or_refused() {
    let text = keys().to_json();
    let key = keys().keys[0].to_string();
    let twice = format!("[\"{key}\", \"{key}\"]");
    let many = format!("[{}]", vec![format!("\"{key}\""); 800].join(","));
    for (at, _) in text.match_indices(": ") {
        let (front, rest) = text.split_at(at + 2);
        let end = if rest.starts_with('[') { rest.find(']').unwrap() + 1 } else { rest.find(',').unwrap() };
        for value in [
            "0",
            "1",
            "2",
            "-1",
            "4294967295",
            "4294967296",
            "1e9",
            "null",
            "[]",
            "{}",
            "[\"\"]",
            &twice,
            &many,
        ] {
            let changed = format!("{front}{value}{}", &rest[end..]);
            if let Ok(set) = KeySet::parse(changed.as_bytes()) {
                assert!(set.threshold == 1 && set.keys.len() == 1, "{changed}");
            }
        }
    }
}

proptest! {
    #![proptest_config(always_the_same())]

    #[test]
    fn a_signed_index_of_anything_is_an_error_at_worst(
        entries in proptest::collection::vec((any::<u32>(), any::<[u8; 32]>()), 0..4),
        small in any::<bool>(), bytes in 1..16_777_217u64, rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let entry = |(length, hash): &(u32, [u8; 32])| {
            let length = if small { length % 100 } else { *length };
            [&length.to_le_bytes()[..], hash].concat()
        };
        let part = Forged { bytes, index: entries.iter().flat_map(entry).collect(), frames: rest };
        prop_assert!(read_first(&part).is_err());
    }

    #[test]
    fn a_signed_frame_of_anything_is_an_error_at_worst(
        frame in proptest::collection::vec(any::<u8>(), 1..200), magic in any::<bool>(), bytes in 1..8192u64,
    ) {
        let frame = if magic { [b"\x28\xb5\x2f\xfd", &frame[..]].concat() } else { frame };
        prop_assert!(read_first(&Forged::of(bytes, &[&frame])).is_err());
    }

    #[test]
    fn a_signed_frame_with_bytes_changed_is_an_error_at_worst(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), claimed in 1..9000u64,
    ) {
        let content: Vec<u8> = (0..2000u32).flat_map(|n| (n * n / 7).to_le_bytes()).collect();
        let mut frame = zstd::bulk::compress(&content, 3).unwrap();
        for (at, byte) in changes {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        prop_assert!(read_first(&Forged::of(claimed, &[&frame])).is_err());
    }
}

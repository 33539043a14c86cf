//! Absurd lengths cost no memory. A single test, so that it has the process to itself.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod forge;

use bundle::{BundleError, FRAME_BYTES, MAX_PART_BYTES, Sealed};
use forge::{Forged, bundle, good, keys, manifest, read};

/// Allowed increase of memory in bytes: an index, a compressed and an uncompressed frame, and everything else
/// in the process. The lengths below would need at least eight times as much.
const ROOM: u64 = 16 << 20;

/// Returns the process's peak address space in bytes. It includes unused allocations and those of C code,
/// which the decompressor is.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmPeak:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// Returns a frame whose header claims this uncompressed length and window.
fn claiming(content_bytes: u64, window_log: u8) -> Vec<u8> {
    // Content size of eight bytes, a window descriptor, then one empty raw block, the last.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, (window_log - 10) << 3];
    frame.extend(content_bytes.to_le_bytes());
    frame.extend([1, 0, 0]);
    frame
}

/// Returns a frame of a few KiB with 128 MiB of zeros.
fn bomb() -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let mut packer = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    (0..128).for_each(|_| std::io::Write::write_all(&mut packer, &zeros).unwrap());
    packer.finish().unwrap()
}

/// Returns the start of a bundle that announces a manifest and signatures of these lengths.
fn head(manifest_bytes: u32, signatures: u32) -> Vec<u8> {
    let words = [1, manifest_bytes, signatures, 0].map(u32::to_le_bytes);
    [&b"IRONHULL"[..], words.as_flattened()].concat()
}

#[test]
fn hostile_lengths_cost_no_memory() {
    let root = good(b"a root");
    let sink = &mut std::io::sink();
    let longest = vec![0xff; (4 << 20) + (4 << 12) + 64];
    let entry = |length: u32| [&length.to_le_bytes()[..], &[7; 32]].concat();
    let all_frames = usize::try_from(MAX_PART_BYTES / FRAME_BYTES).unwrap();
    let one_large = [entry(u32::MAX), entry(1).repeat(all_frames - 1)].concat();
    let parts = [
        (
            "an index as long as can be, and none",
            Forged { bytes: MAX_PART_BYTES, index: vec![], frames: vec![] },
        ),
        ("a frame of 4 GiB", Forged { bytes: MAX_PART_BYTES, index: one_large, frames: vec![] }),
        (
            "frames as long as can be, and none",
            Forged { bytes: MAX_PART_BYTES, index: entry(4_210_752).repeat(all_frames), frames: vec![] },
        ),
        ("a frame as long as can be, of no sense", Forged::of(FRAME_BYTES, &[&longest])),
        ("a frame that unpacks to more", Forged::of(FRAME_BYTES, &[&bomb()])),
        ("a frame that says it unpacks to 16 EiB", Forged::of(FRAME_BYTES, &[&claiming(u64::MAX - 2, 20)])),
        ("a frame that refers 2 GiB back", Forged::of(FRAME_BYTES, &[&claiming(FRAME_BYTES, 31)])),
        ("a frame that refers 2 TiB back", Forged::of(FRAME_BYTES, &[&claiming(FRAME_BYTES, 41)])),
    ];
    let bundles: Vec<_> = parts
        .iter()
        .map(|(what, part)| {
            let mut manifest = manifest(part, &root);
            // The length of the announced index, which is missing.
            manifest.parts.uki.packed_bytes = manifest.parts.uki.packed_bytes.clamp(1, 4096 * 4_210_752);
            (what, bundle(&manifest.to_bytes(), [part, &root]))
        })
        .collect();
    let heads = [head(65_536, 16), head(u32::MAX, 0), head(1, u32::MAX)];

    let before = peak();
    for (what, bytes) in &bundles {
        let found = read(bytes, sink);
        assert!(found.is_err(), "{what}");
        assert!(peak() < before + ROOM, "{what}: {} KiB more", (peak() - before) / 1024);
    }
    for bytes in &heads {
        let found = Sealed::open(&bytes[..]).and_then(|sealed| sealed.verify(&keys()).map(drop));
        assert!(matches!(found, Err(BundleError::Truncated(_) | BundleError::Malformed { .. })), "{found:?}");
        assert!(peak() < before + ROOM, "{found:?}: {} KiB more", (peak() - before) / 1024);
    }
}

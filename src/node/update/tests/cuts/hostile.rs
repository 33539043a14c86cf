//! Bundles that a node must refuse: for the right reason, and before the first write.

use bundle::{BundleError, Kind, Manifest, Refusal, Sealed, StateVersions};
use update::UpdateError;
use update::kubernetes::Skew;

use crate::disk::Habits;
use crate::generation::{self, Generation, LARGE, TINY};
use crate::pe;
use crate::scene::{Before, Scene};

/// Bytes of a bundle's prefix, of a signature and of an index entry.
const PREFIX: usize = 24;
const SIGNATURE: usize = 96;
const ENTRY: usize = 36;

/// Offers a bundle to the node; nothing may be written.
fn refused(scene: &Scene, bundle: &[u8]) -> UpdateError {
    let run = scene.update(bundle, Habits::SOUND);
    assert_eq!(run.calls, 0, "the disk was touched");
    assert!(run.log.is_empty() && run.medium == scene.bytes);
    run.result.unwrap_err()
}

/// Where the sections of a bundle begin: manifest, signatures, and index and frames of both parts.
fn regions(bundle: &[u8]) -> [(&'static str, usize); 6] {
    let sealed = Sealed::open(bundle).unwrap();
    let (manifest, parts) = (sealed.manifest_bytes().len(), sealed.claims().unwrap().parts);
    let frames = |bytes: u64| usize::try_from(bytes.div_ceil(bundle::FRAME_BYTES)).unwrap();
    let packed = |bytes: u64| usize::try_from(bytes).unwrap();
    let signatures = PREFIX + manifest;
    let uki = signatures + SIGNATURE * sealed.signatures().len();
    let uki_frames = uki + ENTRY * frames(parts.uki.bytes);
    let root = uki_frames + packed(parts.uki.packed_bytes);
    let root_frames = root + ENTRY * frames(parts.root.bytes);
    [
        ("manifest", PREFIX),
        ("signatures", signatures),
        ("index", uki),
        ("frames", uki_frames),
        ("index", root),
        ("frames", root_frames),
    ]
}

#[test]
fn what_the_keys_do_not_vouch_for_is_refused() {
    let (scene, next) = (Scene::new(Before::Older, TINY), generation::make(3, TINY));
    let few = |bundle: &[u8]| match refused(&scene, bundle) {
        UpdateError::Bundle(BundleError::TooFewSignatures { valid: 0, threshold: 1, unknown, .. }) => unknown,
        other => panic!("{other:?}"),
    };
    assert_eq!(few(&next.bundle_with(&[], |_| ())), 0);
    assert_eq!(few(&next.bundle_with(&[2, 3], |_| ())), 2);
    // A valid signature by the right key, but of another manifest.
    let (mut good, other) = (next.bundle(), next.bundle_with(&[1], |m| m.version = "0.1.1".into()));
    let range = regions(&good)[1].1..regions(&good)[2].1;
    good[range.clone()].copy_from_slice(&other[range]);
    let found = refused(&scene, &good);
    assert!(matches!(found, UpdateError::Bundle(BundleError::BadSignature { .. })), "{found:?}");
}

/// A change of a manifest, and whether an error is the expected one.
type Case = (fn(&mut Manifest), fn(&UpdateError) -> bool);

#[test]
fn what_is_not_for_this_node_is_refused() {
    use UpdateError::{Kubernetes, Refused};
    let cases: [Case; 10] = [
        (|m| m.role = "worker".into(), |e| matches!(e, Refused(Refusal::Role { .. }))),
        (|m| m.architecture = "arm64".into(), |e| matches!(e, Refused(Refusal::Architecture { .. }))),
        (|m| m.epoch -= 1, |e| matches!(e, Refused(Refusal::EpochOlder { floor: 3, found: 2 }))),
        (|m| m.expires = Some(1_799_999_999), |e| matches!(e, Refused(Refusal::Expired { .. }))),
        (|m| m.state.clear(), |e| matches!(e, Refused(Refusal::StateUnknown { found: 2, .. }))),
        (with_state(1, 1), |e| matches!(e, Refused(Refusal::State { found: 2, .. }))),
        (with_state(3, 3), |e| matches!(e, Refused(Refusal::State { found: 2, .. }))),
        (|m| m.kubernetes = "1.35.9".into(), |e| matches!(e, Kubernetes(Skew::Down { .. }))),
        (|m| m.kubernetes = "1.38.0".into(), |e| matches!(e, Kubernetes(Skew::Skips { .. }))),
        (|m| m.kubernetes = "new".into(), |e| matches!(e, Kubernetes(Skew::Malformed(_)))),
    ];
    let (scene, next) = (Scene::new(Before::Older, TINY), generation::make(3, TINY));
    for (i, (change, expected)) in cases.into_iter().enumerate() {
        let found = refused(&scene, &next.bundle_with(&[1], change));
        assert!(expected(&found), "case {i}: {found:?}");
    }
}

/// Changes a generation to write and read only these versions of the state.
fn with_state(writes: u32, reads: u32) -> fn(&mut Manifest) {
    fn set(m: &mut Manifest, writes: u32, reads: u32) {
        m.state.insert("ironhull".into(), StateVersions { writes, reads });
    }
    match (writes, reads) {
        (1, 1) => |m| set(m, 1, 1),
        _ => |m| set(m, 3, 3),
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let scene = Scene::new(Before::Older, TINY);
    let next = generation::make(3, TINY);
    let mut uki = next.uki.clone();
    uki.resize(scene.layout.kernel - 4096 + 1, 0);
    let mut root = next.root.clone();
    root.resize(scene.layout.root + 1, 0);
    let large = [Generation { uki, ..next.clone() }, Generation { root, ..next }];
    for (large, expected) in large.into_iter().zip([Kind::Uki, Kind::Root]) {
        let found = refused(&scene, &large.bundle());
        let right = matches!(found, UpdateError::Refused(Refusal::TooLarge { part, .. }) if part == expected);
        assert!(right, "{found:?}");
    }
}

#[test]
fn what_is_cut_off_is_refused_wherever_the_cut_is() {
    let (scene, good) = (Scene::new(Before::Older, LARGE), generation::make(3, LARGE).bundle());
    let regions = regions(&good);
    let starts = regions.map(|(_, at)| at);
    let mut places = Vec::new();
    for (start, end) in starts.into_iter().zip(starts.into_iter().skip(1).chain([good.len()])) {
        places.extend([start, start + 1, start.midpoint(end), end - 1]);
    }
    for frames in [starts[3]..starts[4], starts[5]..good.len()] {
        let mut at = frames.start;
        while at < frames.end {
            at += zstd::zstd_safe::find_frame_compressed_size(&good[at..]).unwrap();
            places.extend([at - 1, at].into_iter().filter(|at| *at < good.len()));
        }
    }
    println!("cut off at {} places of {} bytes", places.len(), good.len());
    for at in places {
        let region = regions.iter().rev().find(|(_, start)| *start <= at).unwrap().0;
        match refused(&scene, &good[..at]) {
            UpdateError::Bundle(BundleError::Truncated(found)) => assert_eq!(found, region, "at {at}"),
            other => panic!("at {at}: {other:?}"),
        }
    }
    let longer = [&good[..], &[0]].concat();
    assert!(matches!(refused(&scene, &longer), UpdateError::Bundle(BundleError::Trailing)));
}

#[test]
fn a_flipped_bit_is_found_in_every_region() {
    let (scene, good) = (Scene::new(Before::Older, TINY), generation::make(3, TINY).bundle());
    let starts = regions(&good).map(|(_, at)| at);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        let found = refused(&scene, &bad);
        let UpdateError::Bundle(found) = found else { panic!("byte {at}: {found:?}") };
        use BundleError::{BadSignature, Damaged, Malformed, TooFewSignatures, Truncated};
        let expected = match starts.iter().filter(|start| **start <= at).count() {
            // The prefix: magic, version, zeros; lengths that shift what follows.
            0 => matches!(found, Malformed { .. } | TooFewSignatures { .. } | Truncated(_)),
            1 => matches!(found, BadSignature { .. }),
            2 if at < starts[1] + 32 => matches!(found, TooFewSignatures { unknown: 1, .. }),
            2 => matches!(found, BadSignature { .. }),
            3 => matches!(found, Damaged { part: Kind::Uki, what: "index" }),
            4 => matches!(found, Damaged { part: Kind::Uki, what: "frame" }),
            5 => matches!(found, Damaged { part: Kind::Root, what: "index" }),
            _ => matches!(found, Damaged { part: Kind::Root, what: "frame" }),
        };
        assert!(expected, "byte {at} of {starts:?}: {found:?}");
    }
}

#[test]
fn what_is_no_bundle_is_refused() {
    let scene = Scene::new(Before::Empty, TINY);
    let truncated = refused(&scene, b"");
    assert!(matches!(truncated, UpdateError::Bundle(BundleError::Truncated("head"))), "{truncated:?}");
    let garbage = refused(&scene, &[0xe5; 5000]);
    assert!(matches!(garbage, UpdateError::Bundle(BundleError::Malformed { .. })), "{garbage:?}");
}

#[test]
fn a_signed_kernel_image_that_does_not_name_its_root_is_found_when_it_is_read_back() {
    let scene = Scene::new(Before::Older, TINY);
    let (next, other) = (generation::make(3, TINY), generation::make(4, TINY));
    let params = |root: &Generation| {
        let place = formats::uki::locate(&root.uki, ".cmdline").unwrap().unwrap();
        let range = usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap();
        String::from_utf8(root.uki[range].to_vec()).unwrap()
    };
    let own = params(&next);
    let cases = [
        (pe::image("quiet", &[1; 100]), "the command line has no ironhull.root="),
        (pe::image(&params(&other), &[1; 100]), "its command line has root hash"),
        (pe::image(&format!("{} {own}", "x".repeat(5000)), &[1; 100]), "expected at most 4096"),
        (vec![1; 5000], "as PE"),
    ];
    for (uki, expected) in cases {
        let run = scene.update(&Generation { uki, ..next.clone() }.bundle(), Habits::SOUND);
        let error = run.result.unwrap_err();
        assert!(matches!(error, UpdateError::CommandLine(_) | UpdateError::Uki(_)), "{error:?}");
        let text = format!(
            "{error}: {}",
            std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
        );
        assert!(text.contains(expected), "{text}");
    }
}

//! Generations that run one after the other on a real directory, with the power cut before each change of the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::slice;
use std::sync::atomic::Ordering;

use imagefacts::StateVersions;

use super::*;

/// A generation that reads and writes these versions of etcd; the boot record calls those of `blessed` blessed.
fn image(generation: u32, (reads, writes): (u32, u32), blessed: &[u32]) -> Image {
    let versions = BTreeMap::from([("etcd".to_owned(), StateVersions { writes, reads })]);
    Image { generation, versions, blessed: blessed.iter().copied().collect() }
}

/// Generation 1 writes version 7, all later ones version 8; those of `blessed` are blessed.
fn nth(generation: u32, blessed: &[u32]) -> Image {
    image(generation, if generation == 1 { (6, 7) } else { (7, 8) }, blessed)
}

/// Starts a generation, which then writes a text.
fn run(store: &Store, image: &Image, text: &str) -> Result<Option<Outcome>, StateError> {
    let outcome = store.prepare(image)?;
    fs::create_dir_all(store.root.join("etcd")).unwrap();
    fs::write(store.root.join("etcd/db"), text).unwrap();
    Ok(outcome)
}

fn db(path: &Path) -> String {
    fs::read_to_string(path.join("etcd/db")).unwrap_or_default()
}

/// Returns every text that is anywhere, the current one first.
fn texts(store: &Store) -> Vec<String> {
    let kept = store.snapshots().unwrap().into_iter().map(|s| db(&store.snapshot(&s.id)));
    std::iter::once(db(&store.root)).chain(kept).filter(|t| !t.is_empty()).collect()
}

fn ids(store: &Store) -> Vec<String> {
    store.snapshots().unwrap().into_iter().map(|s| s.id).collect()
}

/// A new disk.
fn disk() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    (folder, store)
}

/// A disk with which generation 1, blessed, wrote "one", and then generation 2 "two".
fn upgraded(two_is_blessed: bool) -> (tempfile::TempDir, Store) {
    let (folder, store) = disk();
    run(&store, &nth(1, &[]), "draft").unwrap();
    store.seal(1).unwrap();
    run(&store, &nth(1, &[1]), "one").unwrap();
    run(&store, &nth(2, &[1]), "two").unwrap();
    if two_is_blessed {
        store.seal(2).unwrap();
    }
    (folder, store)
}

#[test]
fn what_a_blessed_generation_wrote_stays_whoever_runs() {
    let (_folder, store) = disk();
    run(&store, &nth(1, &[1]), "one").unwrap();
    run(&store, &nth(2, &[1, 2]), "precious").unwrap();
    let refused = run(&store, &nth(1, &[1, 2]), "x").unwrap_err();
    assert!(matches!(refused, StateError::Unreadable(_)), "{refused}");
    let told = "etcd on the disk has version 8, generation 1 reads 6 to 7; generation 2, which wrote it, was blessed";
    assert_eq!(refused.to_string(), told);
    assert_eq!(db(&store.root), "precious");
    // Where the boot record was lost, too, and where the other one was retired.
    assert!(run(&store, &nth(1, &[]), "x").is_err());
    run(&store, &nth(2, &[1]), "y").unwrap();
    assert!(run(&store, &nth(1, &[1]), "x").is_err());
    assert_eq!(db(&store.root), "y");
}

#[test]
fn by_order_the_older_state_comes_back_and_the_newer_is_never_removed_unasked() {
    let (_folder, store) = upgraded(true);
    let (one, two) = (nth(1, &[1, 2]), nth(2, &[1, 2]));
    assert!(store.prepare(&one).is_err());
    store.order(Some("g1-1"), &one, true).unwrap();
    assert!(store.prepare(&one).is_err(), "a dry order changes nothing");
    store.order(Some("g1-1"), &one, false).unwrap();
    let outcome = run(&store, &one, "x").unwrap();
    let expected = Outcome::Brought { of: 1, aside: "g2-2".into(), cause: Cause::Ordered };
    assert_eq!(outcome, Some(expected));
    assert_eq!(texts(&store), ["x", "two"]);
    // Forward again, on what generation 1 wrote: "two" stays where it is, whatever comes.
    for round in 0..6 {
        run(&store, &two, &format!("y{round}")).unwrap();
        assert!(store.prepare(&one).is_err());
        run(&store, &nth(3, &[1, 2, 3]), &format!("z{round}")).unwrap();
    }
    assert!(texts(&store).contains(&"two".to_owned()));
    // And back by a second order.
    store.order(Some("g2-2"), &two, false).unwrap();
    run(&store, &two, "after").unwrap();
    assert_eq!(store.snapshots().unwrap().last().map(|s| db(&store.snapshot(&s.id))).as_deref(), Some("z5"));
}

/// The copy before the trial holds what the restored one lacks, and is no longer needed for a way back.
#[test]
fn what_an_order_replaces_during_a_trial_is_kept_as_well() {
    let (_folder, store) = disk();
    run(&store, &image(1, (6, 7), &[1]), "one").unwrap();
    run(&store, &image(2, (6, 7), &[1, 2]), "two").unwrap();
    run(&store, &image(3, (6, 7), &[1, 2]), "three").unwrap();
    store.order(Some("g1-1"), &image(3, (6, 7), &[1, 2]), false).unwrap();
    store.prepare(&image(3, (6, 7), &[1, 2])).unwrap();
    let aside =
        store.snapshots().unwrap().into_iter().filter_map(|s| s.facts).find(|f| f.kind == Kind::Aside);
    assert_eq!(aside.map(|f| f.data.standing), Some(Standing::Blessed));
    for generation in 3..9 {
        run(&store, &image(generation, (6, 7), &[1, 2, generation]), "later").unwrap();
    }
    assert!(texts(&store).contains(&"three".to_owned()));
}

#[test]
fn the_way_back_from_a_failed_trial_ends_where_the_blessed_one_left() {
    let (_folder, store) = upgraded(false);
    let outcome = run(&store, &nth(1, &[1]), "one more").unwrap();
    let Some(Outcome::Brought { of: 1, aside, cause: Cause::Unreadable { what } }) = &outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(what, "etcd on the disk has version 8, generation 1 reads 6 to 7");
    assert_eq!(db(&store.snapshot(aside)), "two");
    // It is still told after the next boot.
    assert_eq!(run(&store, &nth(1, &[1]), "one at last").unwrap(), outcome);
    // And forward again: nothing of the first time is in the way.
    let outcome = run(&store, &nth(3, &[1]), "three").unwrap();
    assert_eq!(outcome, Some(Outcome::Kept { of: 1, snapshot: "g1-3".into() }));
    assert_eq!(
        (db(&store.root), db(&store.snapshot("g1-3"))),
        ("three".to_owned(), "one at last".to_owned())
    );
}

#[test]
fn data_put_aside_without_a_blessing_does_not_pile_up() {
    let (_folder, store) = upgraded(false);
    for round in 0..5 {
        run(&store, &nth(1, &[1]), &format!("one{round}")).unwrap();
        run(&store, &nth(2, &[1]), &format!("two{round}")).unwrap();
    }
    run(&store, &nth(1, &[1]), "one").unwrap();
    let aside: Vec<String> = texts(&store).into_iter().filter(|t| t.starts_with("two")).collect();
    assert_eq!(aside, ["two3", "two4"]);
}

#[test]
fn few_copies_are_kept_but_never_without_the_one_that_is_needed() {
    let (_folder, store) = disk();
    for generation in 1..=6 {
        run(&store, &image(generation, (6, 7), &[1]), &generation.to_string()).unwrap();
    }
    // Only generation 1 was blessed: all later ones go back to what it left.
    assert_eq!(ids(&store), ["g1-1"]);
    for generation in 6..=9 {
        store.seal(generation).unwrap();
        run(&store, &image(generation + 1, (6, 7), &[1]), "next").unwrap();
    }
    assert_eq!(ids(&store), ["g8-4", "g9-5"]);
}

#[test]
fn a_chain_of_trials_leads_back_to_what_was_blessed() {
    let (_folder, store) = upgraded(false);
    run(&store, &image(3, (8, 9), &[1]), "three").unwrap();
    let outcome = run(&store, &nth(1, &[1]), "one more").unwrap();
    assert!(matches!(outcome, Some(Outcome::Brought { of: 1, .. })), "{outcome:?}");
    assert_eq!(texts(&store)[0], "one more");
}

#[test]
fn without_a_copy_nothing_goes_on_that_needs_one() {
    let (_folder, store) = disk();
    run(&store, &image(1, (6, 7), &[1]), "one").unwrap();
    // A file where the directory of snapshots should be.
    fs::write(store.root.join("snapshots"), "").unwrap();
    let outcome = run(&store, &image(2, (6, 7), &[1]), "two").unwrap();
    assert!(matches!(outcome, Some(Outcome::NoSnapshot { .. })), "{outcome:?}");
    // What generation 1 wrote has no copy, so what is there counts as its data.
    assert_eq!(store.load().unwrap().unwrap().data.standing, Standing::Blessed);
    assert!(matches!(run(&store, &nth(3, &[1]), "three"), Err(StateError::Copy { .. })));
    assert_eq!(db(&store.root), "two");
}

#[test]
fn orders_that_cannot_be_carried_out_are_refused_or_dropped() {
    let (_folder, store) = upgraded(true);
    let (one, two) = (nth(1, &[1, 2]), nth(2, &[1, 2]));
    for (id, told) in [("g9-9", "there is no snapshot g9-9"), ("../pki", "there is no snapshot ../pki")] {
        assert_eq!(store.order(Some(id), &two, false).unwrap_err().to_string(), told);
        assert_eq!(store.remove(id, false).unwrap_err().to_string(), told);
    }
    // Ordered under generation 2, and then a generation starts that can't read it.
    let narrow = image(3, (8, 8), &[1, 2, 3]);
    assert!(store.order(Some("g1-1"), &narrow, false).is_err());
    store.order(Some("g1-1"), &two, false).unwrap();
    assert!(store.remove("g1-1", false).is_err());
    let outcome = store.prepare(&narrow).unwrap();
    assert!(matches!(outcome, Some(Outcome::Dropped { .. })), "{outcome:?}");
    assert_eq!((db(&store.root), store.load().unwrap().unwrap().order), ("two".to_owned(), None));
    // An order can be taken back.
    store.order(Some("g1-1"), &two, false).unwrap();
    store.order(None, &two, false).unwrap();
    assert!(store.prepare(&one).is_err());
    store.remove("g1-1", true).unwrap();
    store.remove("g1-1", false).unwrap();
    assert!(!ids(&store).contains(&"g1-1".to_owned()));
}

#[test]
fn a_snapshot_that_is_not_whole_is_not_restored_and_not_removed() {
    let (_folder, store) = upgraded(false);
    fs::rename(store.snapshot("g1-1").join("etcd"), store.snapshot("g1-1").join("lost")).unwrap();
    assert!(matches!(store.prepare(&nth(1, &[1])), Err(StateError::Unreadable(_))));
    assert_eq!(db(&store.root), "two");
    for generation in 3..6 {
        run(&store, &nth(generation, &[1, generation]), "later").unwrap();
    }
    assert!(ids(&store).contains(&"g1-1".to_owned()));
}

#[test]
fn what_an_older_program_recorded_counts_as_blessed() {
    let (_folder, store) = disk();
    let text = r#"{"generation":2,"versions":{"etcd":8},"outcome":{"restored":{"of":1}},"later":{}}"#;
    fs::create_dir_all(store.root.join("etcd")).unwrap();
    fs::write(store.root.join("versions.json"), text).unwrap();
    fs::create_dir_all(store.snapshot("1/etcd")).unwrap();
    fs::write(store.snapshot("1/versions.json"), r#"{"generation":1,"versions":{"etcd":7}}"#).unwrap();
    fs::create_dir_all(store.snapshot("3.left/etcd")).unwrap();
    let ledger = store.load().unwrap().unwrap();
    assert_eq!((ledger.data.standing, ledger.outcome), (Standing::Blessed, None));
    assert!(store.prepare(&nth(1, &[])).is_err());
    store.order(Some("1"), &nth(1, &[]), false).unwrap();
    store.prepare(&nth(1, &[])).unwrap();
    assert_eq!(ids(&store), ["3.left", "g2-1"]);
}

#[test]
fn data_of_which_nothing_is_recorded_is_copied_first() {
    let (_folder, store) = disk();
    fs::create_dir_all(store.root.join("etcd")).unwrap();
    fs::write(store.root.join("etcd/db"), "whose?").unwrap();
    run(&store, &nth(1, &[]), "one").unwrap();
    assert_eq!(texts(&store), ["one", "whose?"]);
    fs::write(store.root.join("versions.json"), "{").unwrap();
    assert!(matches!(store.prepare(&nth(1, &[])), Err(StateError::Ledger { .. })));
}

/// Runs `act` with the power cut before its change number `at`; tells whether it was cut.
fn cut(store: &Store, at: u32, act: impl FnOnce(&Store) -> Result<(), StateError>) -> bool {
    store.power.store(at, Ordering::Relaxed);
    let ended = act(store);
    store.power.store(u32::MAX, Ordering::Relaxed);
    if let Err(e) = &ended {
        assert!(e.to_string().contains("power cut"), "{e}");
    }
    ended.is_err()
}

/// Cuts the power before each change of `act` on the disk of `make`, has each of `next` start once, and once more all
/// in turn; `hold` looks at the disk after each.
fn at_every_cut(
    make: impl Fn() -> (tempfile::TempDir, Store),
    act: impl Fn(&Store) -> Result<(), StateError>,
    next: &[&[Image]],
    hold: impl Fn(&Store, &str),
) {
    let mut at = 0;
    loop {
        let mut was_cut = false;
        for images in next {
            let (_folder, store) = make();
            was_cut = cut(&store, at, &act);
            for image in *images {
                let started = store.prepare(image);
                hold(&store, &format!("cut {at}, generation {}: {started:?}", image.generation));
            }
        }
        if !was_cut {
            break;
        }
        at += 1;
    }
    assert!(at > 5, "only {at} changes were cut");
}

#[test]
fn a_restore_that_is_cut_anywhere_ends_whichever_generation_starts_next() {
    let (one, two) = (nth(1, &[1]), nth(2, &[1]));
    let both = [[one.clone(), two.clone()], [two.clone(), one.clone()]];
    at_every_cut(
        || upgraded(false),
        |store| store.prepare(&nth(1, &[1])).map(drop),
        &[slice::from_ref(&one), slice::from_ref(&two), &both[0], &both[1]],
        |store, told| {
            // Generation 2 finds either its own data or that of generation 1, never a part of each.
            let there = db(&store.root);
            assert!(there == "one" || there == "two", "{told}: {there}");
            assert!(texts(store).contains(&"one".to_owned()), "{told}");
            let ledger = store.load().unwrap().unwrap();
            assert!(ledger.moving.is_none(), "{told}");
            if ledger.data.generation == 1 {
                assert_eq!(there, "one", "{told}");
            }
        },
    );
}

#[test]
fn an_ordered_restore_that_is_cut_anywhere_loses_nothing() {
    let (one, two) = (nth(1, &[1, 2]), nth(2, &[1, 2]));
    let both = [[one.clone(), two.clone(), one.clone()], [two.clone(), one.clone(), two.clone()]];
    at_every_cut(
        || upgraded(true),
        |store| {
            store.order(Some("g1-1"), &nth(1, &[1, 2]), false)?;
            store.prepare(&nth(1, &[1, 2])).map(drop)
        },
        &[slice::from_ref(&one), slice::from_ref(&two), &both[0], &both[1]],
        |store, told| {
            let found: BTreeSet<String> = texts(store).into_iter().collect();
            assert!(found.contains("one") && found.contains("two"), "{told}: {found:?}");
        },
    );
}

#[test]
fn a_copy_that_is_cut_anywhere_is_taken_again() {
    let make = || {
        let (folder, store) = disk();
        run(&store, &nth(1, &[1]), "one").unwrap();
        fs::create_dir_all(store.root.join("pki")).unwrap();
        (folder, store)
    };
    let (one, two) = (nth(1, &[1]), nth(2, &[1]));
    at_every_cut(
        make,
        |store| store.prepare(&nth(2, &[1])).map(drop),
        &[slice::from_ref(&two), &[one.clone(), two.clone()], slice::from_ref(&one)],
        |store, told| {
            assert_eq!(db(&store.root), "one", "{told}");
            let ledger = store.load().unwrap().unwrap();
            if let Standing::Trial { base: Some(base) } = &ledger.data.standing {
                assert_eq!(db(&store.snapshot(base)), "one", "{told}");
            }
            let drafts = fs::read_dir(store.folder()).into_iter().flatten().flatten();
            let drafts = drafts.filter(|e| e.file_name().to_string_lossy().ends_with(".draft"));
            assert_eq!(drafts.count(), 0, "{told}");
        },
    );
}

/// A disk of the blessed generation 2 that has certificates besides "two", and versions of both.
fn with_certificates() -> (tempfile::TempDir, Store) {
    let (folder, store) = upgraded(true);
    fs::create_dir_all(store.root.join("pki")).unwrap();
    fs::write(store.root.join("pki/ca.crt"), "authority").unwrap();
    (folder, store)
}

/// Exchanges the store's data for that with the text "kept elsewhere".
fn exchange(store: &Store) -> Result<String, StateError> {
    let incoming = store.make_incoming("etcd")?;
    fs::write(incoming.directory.join("db"), "kept elsewhere").unwrap();
    store.exchange(&incoming)
}

#[test]
fn an_exchange_concerns_the_store_alone_and_can_be_taken_back() {
    let two = nth(2, &[1, 2]);
    let (_folder, store) = with_certificates();
    let aside = exchange(&store).unwrap();
    assert_eq!((aside.as_str(), db(&store.root)), ("g2-3", "kept elsewhere".to_owned()));
    let snapshots = store.snapshots().unwrap();
    let kept = snapshots.iter().find(|s| s.id == aside).and_then(|s| s.facts.as_ref()).unwrap();
    assert_eq!((kept.kind, &kept.directories), (Kind::Store, &vec!["etcd".to_owned()]));
    let authority = || fs::read_to_string(store.root.join("pki/ca.crt")).unwrap();
    assert_eq!(authority(), "authority");
    // The generation goes on with it, and no copy of it is needed.
    assert_eq!(run(&store, &two, "later").unwrap(), Some(Outcome::Exchanged { aside: aside.clone() }));
    assert_eq!(store.snapshots().unwrap(), snapshots);
    // And back: what came meanwhile is kept as well, and the certificates stay again.
    store.order(Some(&aside), &two, false).unwrap();
    let outcome = run(&store, &two, "two").unwrap();
    assert_eq!(outcome, Some(Outcome::Exchanged { aside: "g2-4".into() }));
    assert_eq!(
        (texts(&store), authority()),
        (vec!["two".into(), "one".into(), "later".into()], "authority".into())
    );
    // What an exchange has put aside is never removed unasked.
    for generation in 3..9 {
        run(&store, &nth(generation, &[1, 2, generation]), "much later").unwrap();
    }
    assert!(texts(&store).contains(&"later".to_owned()));
}

#[test]
fn an_exchange_is_refused_where_it_would_be_in_the_way() {
    let (_folder, store) = disk();
    assert!(matches!(store.make_incoming("etcd"), Err(StateError::Empty)));
    let (_folder, store) = with_certificates();
    assert!(matches!(store.make_incoming("pki"), Err(StateError::Order(_))));
    store.order(Some("g1-1"), &nth(1, &[1, 2]), false).unwrap();
    let refused = store.make_incoming("etcd").unwrap_err().to_string();
    assert_eq!(refused, "the restore of g1-1 at the next boot is ordered: cancel it first");
}

#[test]
fn an_exchange_that_is_cut_anywhere_leaves_one_or_the_other() {
    let two = nth(2, &[1, 2]);
    at_every_cut(
        with_certificates,
        |store| exchange(store).map(drop),
        &[slice::from_ref(&two), &[two.clone(), two.clone()]],
        |store, told| {
            let there = db(&store.root);
            assert!(there == "two" || there == "kept elsewhere", "{told}: {there}");
            assert!(texts(store).contains(&"two".to_owned()), "{told}");
            assert!(store.load().unwrap().unwrap().moving.is_none(), "{told}");
            assert_eq!(fs::read_to_string(store.root.join("pki/ca.crt")).unwrap(), "authority", "{told}");
            let drafts = fs::read_dir(store.folder()).unwrap().flatten();
            assert!(
                drafts.into_iter().all(|e| !e.file_name().to_string_lossy().ends_with("draft")),
                "{told}"
            );
        },
    );
}

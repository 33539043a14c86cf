//! Bundles that have changed when they are read for the second time.

use std::cell::Cell;

use bundle::{BundleError, Kind};
use update::UpdateError;

use crate::disk::Habits;
use crate::generation::{self, TINY};
use crate::judge::Judge;
use crate::scene::{Before, Run, Scene};

/// Updates from a bundle that is another one when it is read again.
fn changed(first: &[u8], then: &[u8]) -> (Scene, Run) {
    let scene = Scene::new(Before::Older, TINY);
    let opened = Cell::new(0);
    let open = || {
        opened.set(opened.get() + 1);
        if opened.get() == 1 { first } else { then }
    };
    let run = scene.update_from(open, Habits::SOUND, |node| node);
    (scene, run)
}

#[test]
fn a_bundle_that_rots_after_it_was_examined_does_not_count() {
    let good = generation::make(3, TINY).bundle();
    let mut rotten = good.clone();
    *rotten.last_mut().unwrap() ^= 1;
    let (scene, mut run) = changed(&good, &rotten);
    let damaged = matches!(
        run.result,
        Err(UpdateError::Bundle(BundleError::Damaged { part: Kind::Root, what: "frame" }))
    );
    assert!(damaged, "{:?}", run.result);
    Judge::new(&scene, 0, &[]).judge(&mut run.medium).unwrap();
}

#[test]
fn a_bundle_that_is_exchanged_after_it_was_examined_is_refused() {
    let next = generation::make(3, TINY);
    let other = next.bundle_with(&[1], |m| m.role = "worker".into());
    let (_, run) = changed(&next.bundle(), &other);
    assert!(matches!(run.result, Err(UpdateError::Exchanged)), "{:?}", run.result);
    assert_eq!(run.calls, 0, "the disk was touched");
}

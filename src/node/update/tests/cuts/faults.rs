//! A disk that fails or corrupts data: the update ends with an error, and the new generation is never
//! started.

use std::collections::BTreeMap;

use bundle::Kind;
use formats::verity::VerityError;
use slots::{Partition, UKI_OFFSET};
use update::UpdateError;

use crate::disk::{Habits, Lie, Op};
use crate::generation::{self, SMALL, TINY};
use crate::judge::Judge;
use crate::layout::SECTOR;
use crate::scene::{Before, Run, Scene};

/// Checks that a failed update left the running generation in place.
fn check_nothing_counts(scene: &Scene, sound: &Run, failed: &mut Run) {
    Judge::new(scene, 0, &[]).judge(&mut failed.medium).unwrap();
    let (_, commit) = sound.log.iter().rev().find_map(Op::written).unwrap();
    assert!(failed.log.iter().filter_map(Op::written).all(|(_, bytes)| bytes != commit));
}

#[test]
fn every_write_sync_and_read_may_fail() {
    let bundle = generation::make(3, SMALL).bundle();
    for before in [Before::Empty, Before::Older] {
        let scene = Scene::new(before, SMALL);
        let sound = scene.update(&bundle, Habits::SOUND);
        let mut said = Vec::new();
        for call in 0..sound.calls - 1 {
            let mut run = scene.update(&bundle, Habits { fails_at: Some(call), ..Habits::SOUND });
            check_nothing_counts(&scene, &sound, &mut run);
            let error = run.result.unwrap_err().to_string();
            said.push(error.strip_suffix(": the disk failed").expect(&error).to_owned());
        }
        said.dedup();
        let expected = [
            "boot record",
            "writing the header to the kernel image partition of the inactive slot",
            "writing the kernel image partition of the inactive slot",
            "writing the root partition of the inactive slot",
            "reading back the kernel image partition of the inactive slot",
            "reading back the root partition of the inactive slot",
            "writing the header to the kernel image partition of the inactive slot",
            "reading back the kernel image partition of the inactive slot",
            "boot record",
        ];
        assert_eq!(said, expected);
        // If the sync of the commit fails, nobody knows what is on the medium; here it is the commit.
        let last = Habits { fails_at: Some(sound.calls - 1), ..Habits::SOUND };
        let mut run = scene.update(&bundle, last);
        run.result.unwrap_err();
        Judge::new(&scene, sound.result.unwrap(), &sound.log).judge(&mut run.medium).unwrap();
    }
}

/// Names the error, to count which corruption leads to which.
fn name(error: &UpdateError) -> &'static str {
    match error {
        UpdateError::Device { part: Kind::Uki, doing: "reading back", .. } => "header",
        UpdateError::KernelDiffers { .. } => "kernel image",
        UpdateError::RootDiffers(VerityError::Block { .. }) => "data block",
        UpdateError::RootDiffers(VerityError::Tree { .. }) => "tree",
        UpdateError::RootDiffers(VerityError::Superblock { .. }) => "superblock",
        other => panic!("{other:?}"),
    }
}

/// The sectors of slot B that an update writes.
fn sectors(run: &Run) -> Vec<(Partition, usize)> {
    let slot = run.log.iter().filter_map(|op| match op {
        Op::Write { partition, .. } if *partition == Partition::BootState => None,
        Op::Write { partition, at, bytes } => Some((*partition, *at..at + bytes.len())),
        Op::Sync(_) => None,
    });
    let mut all: Vec<_> = slot.flat_map(|(p, range)| range.step_by(SECTOR).map(move |at| (p, at))).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn a_medium_that_lies_about_any_sector_is_found_out() {
    let scene = Scene::new(Before::Garbage, TINY);
    let bundle = generation::make(3, TINY).bundle();
    let sound = scene.update(&bundle, Habits::SOUND);
    let mut found = BTreeMap::<_, usize>::new();
    for (partition, at) in sectors(&sound) {
        let place = at - scene.layout.range(partition).start;
        for lie in [Lie::Drop(at), Lie::Flip(at + place / SECTOR * 37 % SECTOR)] {
            let mut run = scene.update(&bundle, Habits { lie: Some(lie), ..Habits::SOUND });
            let error = run.result.as_ref().expect_err(&format!("{lie:?} at byte {place} of {partition:?}"));
            let name = name(error);
            let header = partition == Partition::KernelB && (place as u64) < UKI_OFFSET;
            assert_eq!(name == "header", header, "{lie:?}: {error}");
            assert_eq!(
                name == "kernel image",
                partition == Partition::KernelB && !header,
                "{lie:?}: {error}"
            );
            check_nothing_counts(&scene, &sound, &mut run);
            *found.entry(name).or_default() += 1;
        }
    }
    println!("lies found out: {found:?}");
    assert_eq!(found.len(), 5, "{found:?}");
}

//! The update is cut after every write, also with reordered writes: nothing is lost, and it can be repeated.

use slots::Slot;

use crate::disk::{Disk, Habits};
use crate::generation::{self, LARGE, SMALL, Size, TINY};
use crate::judge::Judge;
use crate::node::{Node, records};
use crate::replay::{Count, Plan, cuts};
use crate::scene::{Before, Scene, running_of};

/// Number of cuts between two after which the update is repeated.
const AGAIN_EVERY: usize = 97;

/// Cuts one update; returns how many cuts there were, and after how many it was repeated.
fn cut(before: Before, size: Size, plan: Plan) -> (Count, usize) {
    let scene = Scene::new(before, size);
    let bundle = generation::make(3, size).bundle();
    let run = scene.update(&bundle, Habits::SOUND);
    let new = run.result.unwrap();
    let judge = Judge::new(&scene, new, &run.log);
    judge.judge(&mut run.medium.clone()).unwrap();
    let (mut seen, mut again) = (0, 0);
    let count = cuts((scene.layout, &scene.bytes), &run.log, plan, |disk| {
        judge.judge(disk)?;
        seen += 1;
        if seen % AGAIN_EVERY == 0 {
            again += 1;
            update_again(disk, &scene, &judge, &bundle).map_err(|e| format!("again: {e}"))?;
        }
        Ok(())
    });
    (count.unwrap_or_else(|broken| panic!("{before:?}: {broken}")), again)
}

/// Boots a disk after a cut, blesses what is started, and repeats the update.
fn update_again(disk: &[u8], scene: &Scene, judge: &Judge<'_>, bundle: &[u8]) -> Result<(), String> {
    let start = judge.started(disk)?;
    let running = running_of(start.slot, start.generation);
    let node = Node { disk: Disk::new(scene.layout, disk.to_vec(), Habits::SOUND), running };
    let write = |record| node.write(Ok(record)).map_err(|e| e.to_string());
    write(start.record)?;
    write(slots::answer(&node.current().record, running))?;
    if let Ok(blessed) = slots::bless(&node.current().record, running) {
        write(blessed)?;
    }
    let expected = node.current().record.next_generation();
    let bytes = node.disk.state().medium.clone();
    let scene = Scene { bytes, running, ..scene.clone() };
    let mut run = scene.update(bundle, Habits::SOUND);
    match run.result {
        Ok(new) if new == expected => Judge::new(&scene, new, &run.log).judge(&mut run.medium),
        other => Err(format!("generation {other:?}, expected {expected}")),
    }
}

#[test]
fn nothing_is_lost_by_any_cut() {
    let states = [
        (Before::Empty, TINY),
        (Before::Garbage, TINY),
        (Before::Older, SMALL),
        (Before::Interrupted, SMALL),
        (Before::Uncommitted, TINY),
    ];
    let mut total = 0;
    for (before, size) in states {
        let (count, again) = cut(before, size, Plan { stride: 1, random: 600 });
        println!("{before:?}: {count:?}, made again after {again}");
        total += count.in_order + count.reordered;
    }
    println!("{total} cuts, each also with one and with both records lost");
    assert!(total >= 10_000, "{total}");
}

#[test]
fn nothing_is_lost_by_a_cut_among_the_frames_of_a_large_bundle() {
    let (count, again) = cut(Before::Older, LARGE, Plan { stride: 512, random: 10 });
    println!("large: {count:?}, made again after {again}");
}

#[test]
fn the_commit_is_one_sector_and_the_last_write() {
    let scene = Scene::new(Before::Empty, SMALL);
    let run = scene.update(&generation::make(3, SMALL).bundle(), Habits::SOUND);
    assert_eq!(run.result.unwrap(), 2);
    let (_, last) = run.log.iter().rev().find_map(|op| op.written()).unwrap();
    let committed = records(&run.medium).into_iter().flatten().find(|r| r.slots.get(Slot::B).is_present());
    assert_eq!(last, committed.unwrap().encode());
}

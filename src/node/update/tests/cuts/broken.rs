//! Wrong orders of writes, each a plausible mistake: a judge that does not find them would prove nothing.
//!
//! The order itself is the updater's, so the mistakes are made below it: by the target and by the disk.

use slots::{Current, Partition, Record};
use update::{Device, Free, Target, UpdateError};

use crate::disk::{Habits, Lie, Opened};
use crate::generation::{self, EPOCH, TINY};
use crate::judge::Judge;
use crate::node::Node;
use crate::replay::{Plan, cuts};
use crate::scene::{Before, Scene};

/// What a target does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    None,
    /// The slot is not released before it is written.
    NotFreed,
    /// The slot is committed before it is written.
    CommitFirst,
    /// The running slot is written.
    OwnSlot,
    /// The commit overwrites the current record instead of the older one.
    SamePlace,
}

/// A node that makes a mistake.
struct Broken {
    node: Node,
    mistake: Mistake,
    /// The record that released the slot, written or not.
    begun: Option<Record>,
}

impl Target for Broken {
    type Device = Opened;

    fn begin(&mut self) -> Result<Free<Opened>, UpdateError> {
        let running = self.node.running;
        let Current { record, .. } = self.node.current();
        let (slot, begun) = slots::begin_update(&record, running).unwrap();
        self.begun = Some(begun);
        let generation = begun.next_generation();
        if self.mistake != Mistake::NotFreed {
            self.node.write(Ok(begun))?;
        }
        if self.mistake == Mistake::CommitFirst {
            self.node.write(slots::commit_update(&begun, running, generation, EPOCH))?;
        }
        let slot = if self.mistake == Mistake::OwnSlot { running.slot } else { slot };
        Ok(self.node.open(slot, generation))
    }

    fn commit(&mut self, generation: u32, epoch: u32) -> Result<(), UpdateError> {
        let begun = self.begun.as_ref().unwrap();
        let committed = slots::commit_update(begun, self.node.running, generation, epoch);
        match self.mistake {
            Mistake::CommitFirst => Ok(()),
            Mistake::SamePlace => self.overwrite(&committed.unwrap()),
            _ => self.node.write(committed),
        }
    }
}

impl Broken {
    /// Writes a record over the current one.
    fn overwrite(&self, record: &Record) -> Result<(), UpdateError> {
        let place = self.node.current().write_to.other();
        let bootstate = self.node.disk.open(Partition::BootState);
        bootstate.write_at(&record.encode(), place.offset()).unwrap();
        bootstate.sync().unwrap();
        Ok(())
    }
}

/// Cuts an update with a mistake; returns the judge's verdict.
fn verdict(before: Before, habits: Habits, mistake: Mistake) -> Result<(), String> {
    let scene = Scene::new(before, TINY);
    let bundle = generation::make(3, TINY).bundle();
    let run = scene.update_from(|| &bundle[..], habits, |node| Broken { node, mistake, begun: None });
    let judge = Judge::new(&scene, run.result.unwrap(), &run.log);
    let plan = Plan { stride: 1, random: 100 };
    cuts((scene.layout, &scene.bytes), &run.log, plan, |disk| judge.judge(disk)).map(|_| ())
}

#[test]
fn the_judge_finds_every_wrong_order() {
    let header = generation::make(3, TINY).header(3).encode();
    let swallows = |swallows| Habits { swallows, ..Habits::SOUND };
    let wrong = [
        ("the slot is not released", Habits::SOUND, Mistake::NotFreed),
        ("the commit comes first", Habits::SOUND, Mistake::CommitFirst),
        ("the slot that runs is written", Habits::SOUND, Mistake::OwnSlot),
        ("the record that counts is overwritten", Habits::SOUND, Mistake::SamePlace),
        ("no sync is a barrier", swallows(|_| true), Mistake::None),
        ("the kernel's sync is no barrier", swallows(|p| p == Partition::KernelB), Mistake::None),
        ("the root's sync is no barrier", swallows(|p| p == Partition::RootB), Mistake::None),
        ("the header comes first", Habits { header: Some(header), ..Habits::SOUND }, Mistake::None),
    ];
    verdict(Before::Older, Habits::SOUND, Mistake::None).unwrap();
    for (name, habits, mistake) in wrong {
        match verdict(Before::Older, habits, mistake) {
            Ok(()) => panic!("the judge does not find that {name}"),
            Err(found) => println!("{name}: {found}"),
        }
    }
}

#[test]
fn a_lie_is_believed_unless_the_medium_is_asked() {
    let scene = Scene::new(Before::Older, TINY);
    let at = scene.layout.range(Partition::RootB).start + 5000;
    let lie = Some(Lie::Flip(at));
    let bundle = generation::make(3, TINY).bundle();
    let mut run = scene.update(&bundle, Habits { lie, forgets: false, ..Habits::SOUND });
    let judge = Judge::new(&scene, run.result.unwrap(), &run.log);
    let found = judge.judge(&mut run.medium).unwrap_err();
    assert_eq!(found, "slot b: the root does not verify");
}

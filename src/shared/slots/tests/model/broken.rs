//! Decisions broken on purpose, each a mistake that somebody could make.

use crate::{
    BLESSED_TRIES, Boot, Entry, Expired, Flags, Header, Pair, Reason, Record, Refusal, Running, Slot, Start,
    answer, begin_update, bless, commit_update, expire, settle,
};

use crate::explore::decisions::{Decisions, SOUND};

/// All broken variants, by what is wrong with them.
pub const ALL: [(&str, Decisions); 18] = [
    ("no try is taken", Decisions { next: free_starts, ..SOUND }),
    ("the turn is not passed", Decisions { open: no_turn, ..SOUND }),
    ("what was given up is never started", Decisions { open: no_retired, ..SOUND }),
    ("the header's generation is not compared", Decisions { open: blind, ..SOUND }),
    ("every answer re-arms", Decisions { answer: always_re_arm, ..SOUND }),
    ("nothing re-arms", Decisions { answer: never_re_arm, settle: |_, _| None, ..SOUND }),
    ("a blessed one is blessed again", Decisions { bless: bless_again, ..SOUND }),
    ("a blessing undoes a rollback", Decisions { bless: bless_given_up, ..SOUND }),
    ("what is on trial settles", Decisions { settle: settle_all, ..SOUND }),
    ("no trial ends", Decisions { expire: |_, _, _| Expired::Stay, ..SOUND }),
    ("every trial's end reboots", Decisions { expire: always_reboot, ..SOUND }),
    ("no trial's end reboots twice", Decisions { expire: reboot_once, ..SOUND }),
    ("silence always resets", Decisions { may_starve: |_, _| true, ..SOUND }),
    ("what is kept wears out", Decisions { answer: wear_out, settle: settle_proven, ..SOUND }),
    ("an update begins on trial", Decisions { begin: begin_on_trial, ..SOUND }),
    ("an update begins under a newer generation", Decisions { begin: begin_under_newer, ..SOUND }),
    ("any epoch is committed", Decisions { commit: any_epoch, ..SOUND }),
    ("a commit blesses", Decisions { commit: blessed_commit, ..SOUND }),
];

fn free_starts(boot: &mut Boot) -> Option<Start> {
    let mut start = boot.next_start()?;
    start.record.slots.get_mut(start.slot).tries_left += 1;
    Some(start)
}

/// Opens a boot with records that were changed before.
fn changed(
    records: [Option<Record>; 2],
    headers: &Pair<Option<Header>>,
    change: impl Fn(&mut Record),
) -> Boot {
    let [first, second] = records.map(|record| {
        record.map(|mut r| {
            change(&mut r);
            r
        })
    });
    Boot::new(first, second, headers)
}

fn no_turn(first: Option<Record>, second: Option<Record>, headers: &Pair<Option<Header>>) -> Boot {
    changed([first, second], headers, |r| r.last_start = None)
}

fn no_retired(first: Option<Record>, second: Option<Record>, headers: &Pair<Option<Header>>) -> Boot {
    let drop =
        |e: Entry| if e.is_retired() { Entry { flags: e.flags.without(Flags::PRESENT), ..e } } else { e };
    changed([first, second], headers, |r| r.slots = r.slots.map(drop))
}

fn blind(first: Option<Record>, second: Option<Record>, headers: &Pair<Option<Header>>) -> Boot {
    let Some((_, record)) = crate::newest(first, second) else { return Boot::new(first, second, headers) };
    let seen =
        |slot| headers.get(slot).map(|h| Header { generation: record.slots.get(slot).generation, ..h });
    Boot::new(first, second, &Pair { a: seen(Slot::A), b: seen(Slot::B) })
}

fn always_re_arm(record: &Record, running: Running) -> Record {
    answer(&Record { unsettled: 0, ..*record }, running)
}

fn never_re_arm(record: &Record, running: Running) -> Record {
    let mut next = answer(record, running);
    next.slots.get_mut(running.slot).tries_left = record.slots.get(running.slot).tries_left;
    next
}

fn bless_again(record: &Record, running: Running) -> Result<Record, Refusal> {
    let mut believed = *record;
    let entry = believed.slots.get_mut(running.slot);
    entry.flags = entry.flags.without(Flags::BLESSED);
    bless(&believed, running)
}

fn bless_given_up(record: &Record, running: Running) -> Result<Record, Refusal> {
    let mut believed = *record;
    believed.slots.get_mut(running.slot).last_failure = Reason::None;
    bless(&believed, running)
}

fn settle_all(record: &Record, _: Running) -> Option<Record> {
    (record.unsettled > 0).then(|| Record { unsettled: 0, ..record.succeeding() })
}

fn always_reboot(record: &Record, running: Running, reason: Reason) -> Expired {
    let mut believed = *record;
    believed.slots = believed.slots.map(|e| Entry { flags: e.flags.without(Flags::EXPIRED), ..e });
    match expire(&believed, running, reason) {
        Expired::Reboot(mut next) => {
            next.slots.get_mut(running.slot.other()).flags = record.slots.get(running.slot.other()).flags;
            Expired::Reboot(next)
        }
        decided => decided,
    }
}

fn reboot_once(record: &Record, running: Running, reason: Reason) -> Expired {
    let mut believed = *record;
    let other = believed.slots.get_mut(running.slot.other());
    other.flags = other.flags.without(Flags::BLESSED);
    match expire(&believed, running, reason) {
        Expired::Keep(mut next) => {
            next.slots.get_mut(running.slot.other()).flags = record.slots.get(running.slot.other()).flags;
            Expired::Keep(next)
        }
        _ => expire(record, running, reason),
    }
}

/// Answers as if nothing could be kept.
fn wear_out(record: &Record, running: Running) -> Record {
    let entry = record.slots.get(running.slot);
    let mut next = answer(record, running);
    if entry.is_kept() {
        next.slots.get_mut(running.slot).tries_left = entry.tries_left;
    }
    next
}

fn settle_proven(record: &Record, running: Running) -> Option<Record> {
    settle(record, running).filter(|_| record.slots.get(running.slot).is_proven())
}

/// Begins an update as if the running generation were blessed and the highest.
fn begin_as_blessed(record: &Record, running: Running) -> Result<(Slot, Record), Refusal> {
    let mut believed = *record;
    let entry = believed.slots.get_mut(running.slot);
    entry.flags = Flags::PRESENT.with(Flags::BLESSED);
    let (target, mut next) = begin_update(&believed, running)?;
    *next.slots.get_mut(running.slot) = *record.slots.get(running.slot);
    Ok((target, next))
}

fn begin_on_trial(record: &Record, running: Running) -> Result<(Slot, Record), Refusal> {
    begin_as_blessed(record, running)
}

fn begin_under_newer(record: &Record, running: Running) -> Result<(Slot, Record), Refusal> {
    match begin_update(record, running) {
        Err(Refusal::OtherIsNewer { .. }) => {
            let mut believed = *record;
            let target = running.slot.other();
            let other = believed.slots.get_mut(target);
            other.flags = Flags::default();
            begin_update(&believed, running)
        }
        decided => decided,
    }
}

fn any_epoch(record: &Record, running: Running, generation: u32, epoch: u32) -> Result<Record, Refusal> {
    let mut next = commit_update(record, running, generation, epoch.max(9))?;
    next.slots.get_mut(running.slot.other()).epoch = epoch;
    Ok(next)
}

fn blessed_commit(record: &Record, running: Running, generation: u32, epoch: u32) -> Result<Record, Refusal> {
    let mut next = commit_update(record, running, generation, epoch)?;
    let entry = next.slots.get_mut(running.slot.other());
    entry.flags = Flags::PRESENT.with(Flags::BLESSED);
    entry.tries_left = BLESSED_TRIES;
    Ok(next)
}

//! Everything that can happen in a state: what programs do, with each of their writes done, torn or lost,
//! and with the power cut after it or not; and what happens to them.
//!
//! Which faults are combined: any number of cuts, deaths, torn and lost writes, lost records, in any order; rot of a
//! slot, or of the record that counts alone, as long as a slot remains that is sound, whole and known to the record.
//! Rot of the only sound slot is beyond any promise; so is an update begun from a slot that has rotted, which is why
//! the updater reads its own slot first.

//!
//! A power cut after a write needs no event of its own: it is the write, then the death of what goes on.

use crate::{Expired, Place, Reason, Record, Running, Slot, Start, boot_once, cancel, note};

use super::world::{Content, Fault, Phase, Quality, State, Update};
use crate::explore::Rules;

/// The states that follow from one, as they are found.
struct Followers<'a> {
    rules: &'a Rules,
    states: Vec<State>,
}

/// Returns every state that can follow, or the invariant that is broken.
pub fn followers(state: &State, rules: &Rules) -> Result<Vec<State>, String> {
    let mut out = Followers { rules, states: Vec::new() };
    match state.phase {
        Phase::Down => out.states = boots(state, rules, rules.scope.writes)?,
        Phase::Started(running) => out.start(state, running),
        Phase::Up(running, update) => {
            out.run(state, running);
            out.judge(state, running)?;
            out.update(state, running, update)?;
        }
    }
    out.rot(state);
    Ok(out.states)
}

/// Returns what a boot leads to, if its writes may suffer `faults`. A boot of which the first slot is
/// refused may also end between the two.
pub fn boots(state: &State, rules: &Rules, faults: &[Fault]) -> Result<Vec<State>, String> {
    let boot = (rules.decisions.open)(state.records[0], state.records[1], &state.headers());
    let mut open = vec![(*state, boot, 0)];
    let mut out = Vec::new();
    while let Some((before, mut boot, round)) = open.pop() {
        let Some(start) = (rules.decisions.next)(&mut boot).filter(|_| round < 2) else {
            return Err(format!("(3) no slot is left to start: {state:?}"));
        };
        let content = *before.slots.get(start.slot);
        check_start(&before, &start, content)?;
        for fault in faults {
            let after = before.write(start.write_to, start.record, *fault);
            let Start { slot, generation, why, .. } = start;
            if content.quality != Quality::Refused {
                out.push(after.with(Phase::Started(Running { slot, generation, why })));
                continue;
            }
            let mut next = boot;
            next.refuse(slot, Reason::BadSha256);
            open.push((after, next, round + 1));
            if faults.len() > 1 {
                out.push(after);
            }
        }
    }
    Ok(out)
}

/// Checks that the boot loader starts what it says.
fn check_start(state: &State, start: &Start, content: Content) -> Result<(), String> {
    match content.header {
        Some((generation, _)) if generation == start.generation => Ok(()),
        _ => Err(format!("(0) generation {} is started from {content:?}: {state:?}", start.generation)),
    }
}

impl Followers<'_> {
    /// Adds the outcomes of writing a record and going on in the phase of `state`.
    ///
    /// The last blessed generation becomes the running one when that is blessed and the one before is not
    /// any more (it was given up), or an older one (the record of giving this one up was lost).
    fn write(&mut self, state: &State, running: Running, record: Record) {
        let place = state.current().write_to;
        for fault in self.rules.scope.writes {
            let mut after = state.write(place, record, *fault);
            let now = after.current().record.slots;
            let given_up = now.get(after.keep).is_present() && !now.get(after.keep).is_proven();
            let later = now.get(running.slot).generation > now.get(after.keep).generation;
            if now.get(running.slot).is_proven() && (given_up || later) {
                after.keep = running.slot;
            }
            self.states.push(after);
        }
    }

    /// Adds the ends of a start: a death, with or without a word of `init`, or its answer.
    fn start(&mut self, state: &State, running: Running) {
        let down = state.with(Phase::Down);
        let record = state.current().record;
        self.states.push(down);
        self.write(&down, running, note(&record, running.slot, Reason::RootNotFound));
        if state.slots.get(running.slot).quality != Quality::Dead {
            let up = state.with(Phase::Up(running, Update::None));
            self.write(&up, running, (self.rules.decisions.answer)(&record, running));
        }
    }

    /// Adds what a running node may be asked for, and its death.
    fn run(&mut self, state: &State, running: Running) {
        self.states.push(state.with(Phase::Down));
        let record = state.current().record;
        let idle = state.with(Phase::Up(running, Update::None));
        let asked = [
            boot_once(&record, Slot::A),
            boot_once(&record, Slot::B),
            cancel(&record, running),
            (self.rules.decisions.rollback)(&record, running),
        ];
        for next in asked.into_iter().flatten().filter(|_| self.rules.scope.by_hand) {
            self.write(&idle, running, next);
        }
        if let Some(next) = (self.rules.decisions.settle)(&record, running) {
            self.write(state, running, next);
        }
    }

    /// Adds blessing and the end of a trial. A slot that has rotted under the run may still be blessed: it was
    /// read before.
    fn judge(&mut self, state: &State, running: Running) -> Result<(), String> {
        let record = state.current().record;
        let entry = record.slots.get(running.slot);
        let given_up = entry.is_retired() && entry.last_failure == Reason::ByHand;
        let healthy = state.slots.get(running.slot).quality != Quality::Unhealthy;
        if let Ok(next) = (self.rules.decisions.bless)(&record, running)
            && healthy
        {
            if given_up {
                return Err(format!("(7) a rollback is undone: {state:?}"));
            }
            let from = self.states.len();
            self.write(state, running, next);
            for after in self.states.iter_mut().skip(from) {
                if after.current().record.slots.get(running.slot).is_proven() {
                    after.keep = running.slot;
                }
            }
        }
        match (self.rules.decisions.expire)(&record, running, Reason::Deadline) {
            Expired::Reboot(next) => self.write(&state.with(Phase::Down), running, next),
            Expired::Keep(next) => self.write(state, running, next),
            Expired::Stay => {}
        }
        Ok(())
    }

    /// Adds the next step of an update. The updater has read its own slot, and reads back that the other one
    /// is free before it writes there.
    fn update(&mut self, state: &State, running: Running, update: Update) -> Result<(), String> {
        let record = state.current().record;
        let target = running.slot.other();
        let phase = |update| state.with(Phase::Up(running, update));
        if update == Update::None
            && state.slots.get(running.slot).quality == Quality::Good
            && let Ok((_, next)) = (self.rules.decisions.begin)(&record, running)
        {
            self.write(&phase(Update::Begun), running, next);
        }
        if update == Update::Begun && !record.slots.get(target).is_present() {
            if target == state.keep {
                return Err(format!("(2) the last blessed generation is written: {state:?}"));
            }
            for (content, update) in contents(state, record.next_generation(), target, self.rules) {
                let mut after = phase(update);
                *after.slots.get_mut(target) = content;
                self.states.push(after);
            }
        }
        if update == Update::Written
            && let Some((generation, epoch)) = state.slots.get(target).header
            && let Ok(next) = (self.rules.decisions.commit)(&record, running, generation, epoch)
        {
            if state.slots.get(state.keep).header.is_some_and(|(_, floor)| epoch < floor) {
                return Err(format!("(5) an older epoch is installed: {state:?}"));
            }
            self.write(&phase(Update::None), running, next);
        }
        Ok(())
    }

    /// Adds the damage that can be done to a disk from outside.
    fn rot(&mut self, state: &State) {
        self.states.push(State { records: [None, None], ..*state });
        let mut newest_lost = *state;
        newest_lost.records[usize::from(state.current().write_to == Place::First)] = None;
        let known = Slot::ALL.into_iter().any(|slot| is_sound(&newest_lost, slot));
        if self.rules.scope.newest_lost && known {
            self.states.push(newest_lost);
        }
        for slot in Slot::ALL {
            if is_sound(state, slot.other()) && state.slots.get(slot).quality == Quality::Good {
                for quality in [Quality::Refused, Quality::Dead, Quality::DiesLate] {
                    let mut after = *state;
                    after.slots.get_mut(slot).quality = quality;
                    self.states.push(after);
                }
            }
        }
    }
}

/// Returns what the writes of an update can make of a slot: a part of the old and the new generation that
/// looks like neither, like the old or like the new one, or the whole new one, of any quality.
fn contents(state: &State, generation: u32, target: Slot, rules: &Rules) -> Vec<(Content, Update)> {
    use Quality::{Dead, Good, Refused, Unhealthy};
    let old = state.slots.get(target).header;
    let part = |header| (Content { header, quality: Dead }, Update::Begun);
    let mut out = vec![part(None), part(old), part(Some((generation, 1)))];
    for epoch in rules.scope.epochs {
        for quality in [Refused, Dead, Unhealthy, Good] {
            out.push((Content { header: Some((generation, *epoch)), quality }, Update::Written));
        }
    }
    out
}

/// Tells whether a slot holds a sound generation that the record knows.
fn is_sound(state: &State, slot: Slot) -> bool {
    let record = state.current().record;
    let (entry, content) = (record.slots.get(slot), state.slots.get(slot));
    let whole = entry.is_present() && content.header.is_some_and(|(g, _)| g == entry.generation);
    whole && content.quality == Quality::Good
}

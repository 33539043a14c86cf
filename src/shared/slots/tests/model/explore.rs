//! Every state that a node's slots can get into, explored breadth first over the very decisions that run,
//! with every fault between any two writes; in each, the invariants of the design:
//!
//! 1. with no further fault a blessed generation runs within K boots;
//! 2. the last blessed generation is not written until its successor is blessed;
//! 3. no state needs a person;
//! 5. an older epoch is never installed;
//! 6. an orderly reboot of a blessed generation, or of one that is kept, leads back to it;
//! 7. what the operator gave up is not blessed in the same run;
//! 8. without an operator and without a cut, the gate resets a node at most G times, whatever its health.
//!
//! (4 is about signatures and verity, which are not decided here.) Then the same with decisions broken on
//! purpose: each must break an invariant, or the model sees nothing.

mod bound;
pub mod decisions;
mod events;
mod promise;
mod world;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use crate::{Pair, Why, select};
use decisions::{Decisions, SOUND};
pub use world::{Fault, Scope};
use world::{Phase, State, Update};

/// A hasher fast enough for millions of states.
pub type Hasher = BuildHasherDefault<Fold>;

/// Multiplies and folds each word in.
#[derive(Debug, Default)]
pub struct Fold(u64);

impl std::hash::Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64(u64::from(*b)));
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(u64::from_ne_bytes(n.to_ne_bytes()));
    }
}

/// Decisions, and how widely they are explored.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub decisions: Decisions,
    pub scope: Scope,
}

/// What was explored.
#[derive(Debug)]
pub struct Explored {
    pub states: usize,
    pub transitions: usize,
    pub boots: u32,
    pub resets: u32,
}

/// What was found out of the states visited.
#[derive(Debug, Default)]
struct Known {
    boots: promise::Known,
    resets: bound::Known,
}

/// Explores everything that follows from an installed disk.
///
/// # Errors
/// The first invariant that breaks, with a shortest way to it.
pub fn explore(rules: &Rules) -> Result<Explored, String> {
    let first = State::installed().normal(&rules.scope);
    let mut from = HashMap::<State, State, Hasher>::default();
    let mut open = VecDeque::from([first]);
    from.insert(first, first);
    let mut known = Known::default();
    let mut explored = Explored { states: 0, transitions: 0, boots: 0, resets: 0 };
    while let Some(state) = open.pop_front() {
        explored.states += 1;
        let next = visit(&state, rules, &mut known, &mut explored);
        for next in next.map_err(|broken| format!("{broken}\n{}", way(state, &from)))? {
            let next = next.normal(&rules.scope);
            if let Entry::Vacant(new) = from.entry(next) {
                new.insert(state);
                open.push_back(next);
            }
        }
    }
    Ok(explored)
}

/// Checks a state and returns what follows from it.
fn visit(
    state: &State,
    rules: &Rules,
    known: &mut Known,
    explored: &mut Explored,
) -> Result<Vec<State>, String> {
    explored.boots = explored.boots.max(promise::boots_needed(state, rules, &mut known.boots)?);
    explored.resets = explored.resets.max(bound::resets(state, rules, &mut known.resets)?);
    check_orderly_reboot(state, &rules.decisions)?;
    let followers = events::followers(state, rules)?;
    explored.transitions += followers.len();
    Ok(followers)
}

/// Tells a shortest way to a state, one state a line.
fn way(mut state: State, from: &HashMap<State, State, Hasher>) -> String {
    let mut lines = Vec::new();
    while let Some(before) = from.get(&state).filter(|before| **before != state) {
        lines.push(format!("{state:?}"));
        state = *before;
    }
    lines.reverse();
    lines.join("\n")
}

/// Invariant (6): unless the operator or an update wants another slot, a blessed generation that is shut
/// down in order, or one that is kept, is the next one to be started.
fn check_orderly_reboot(state: &State, decisions: &Decisions) -> Result<(), String> {
    let Phase::Up(running, Update::None) = state.phase else { return Ok(()) };
    let record = state.current().record;
    let (entry, other) = (record.slots.get(running.slot), record.slots.get(running.slot.other()));
    let wanted = other.tries_left > 0 && other.generation > entry.generation;
    if !(entry.is_proven() || entry.is_kept())
        || wanted
        || record.force.is_some()
        || running.why == Why::Forced
    {
        return Ok(());
    }
    let settled = (decisions.settle)(&record, running).unwrap_or(record);
    match select(&settled, &Pair::default()) {
        Some((slot, Why::HasTries)) if slot == running.slot => {}
        other => return Err(format!("(6) an orderly reboot leads to {other:?}: {state:?}")),
    }
    if !entry.is_kept() {
        return Ok(());
    }
    let mut boot = (decisions.open)(Some(settled), None, &state.headers());
    match (decisions.next)(&mut boot).filter(|start| start.slot == running.slot) {
        Some(start) if !(decisions.answer)(&start.record, running).slots.get(running.slot).is_kept() => {
            Err(format!("(6) an orderly reboot wears out what is kept: {state:?}"))
        }
        _ => Ok(()),
    }
}

/// Explores with sound decisions and says what was seen.
pub fn hold(name: &str, scope: Scope) {
    let explored =
        explore(&Rules { decisions: SOUND, scope }).unwrap_or_else(|broken| panic!("{name}: {broken}"));
    let Explored { states, transitions, boots, resets } = explored;
    println!("{name}: {states} states, {transitions} transitions, K = {boots} boots, G = {resets} resets");
}

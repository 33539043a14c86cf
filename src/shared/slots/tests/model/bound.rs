//! Invariant (8): the gate does not reset a node for ever, whatever the environment makes of its health.
//!
//! From a state on, with no cut and no act of an operator, but with any health at any time: the number of resets that
//! the gate causes, by an expired trial or by starving the watchdogs, of the longest way. What dies by itself (a damaged
//! root) goes on dying, and the boots that this takes are not the gate's. A way ends where a blessed generation runs, or
//! a generation is kept.

use std::collections::HashMap;

use crate::{Expired, Flags, Reason, Record, Running};

use super::events::boots;
use super::world::{Fault, Phase, Quality, State, Update};
use crate::explore::Rules;

/// Resets that each visited state can still lead to; `None` while a way through it is followed.
pub type Known = HashMap<State, Option<u32>, crate::explore::Hasher>;

/// Tells whether the gate may keep a generation beside the other one: both had their turn, or the blessed one has
/// used up its tries and had its turn.
pub fn is_reached(record: &Record, running: Running) -> bool {
    let (own, other) = (record.slots.get(running.slot), record.slots.get(running.slot.other()));
    match other.is_proven() {
        true => other.tries_left == 0 && own.flags.has(Flags::EXPIRED),
        false => other.is_present() && (own.flags.has(Flags::EXPIRED) || other.flags.has(Flags::EXPIRED)),
    }
}

/// Returns how many resets by the gate can follow from `state`, or the state at which they never end.
pub fn resets(state: &State, rules: &Rules, known: &mut Known) -> Result<u32, String> {
    let state = state.normal(&rules.scope);
    match known.get(&state) {
        Some(Some(resets)) => return Ok(*resets),
        Some(None) => return Err(format!("(8) the gate resets for ever: {state:?}")),
        None => {}
    }
    known.insert(state, None);
    let mut most = 0;
    for (resets_now, next) in unhealthy(&state, rules)? {
        most = most.max(resets_now + resets(&next, rules, known)?);
    }
    known.insert(state, Some(most));
    Ok(most)
}

/// Returns what can follow while nothing gets healthy, each with the resets that it costs.
fn unhealthy(state: &State, rules: &Rules) -> Result<Vec<(u32, State)>, String> {
    let down = state.with(Phase::Down);
    match state.phase {
        Phase::Down => Ok(boots(state, rules, &[Fault::None])?.into_iter().map(|next| (0, next)).collect()),
        Phase::Started(running) if state.slots.get(running.slot).quality == Quality::Dead => {
            Ok(vec![(0, down)])
        }
        Phase::Started(running) => {
            let current = state.current();
            let next = (rules.decisions.answer)(&current.record, running);
            let up = state.with(Phase::Up(running, Update::None));
            Ok(vec![(0, up.write(current.write_to, next, Fault::None))])
        }
        Phase::Up(running, _) => Ok(run(state, running, rules)),
    }
}

/// Returns what can follow a run that never gets healthy.
fn run(state: &State, running: Running, rules: &Rules) -> Vec<(u32, State)> {
    let current = state.current();
    let down = state.with(Phase::Down);
    let mut out = Vec::new();
    let dies = !matches!(state.slots.get(running.slot).quality, Quality::Good | Quality::Unhealthy);
    if dies {
        out.push((0, down));
    }
    let on_trial = (rules.decisions.bless)(&current.record, running).is_ok();
    if !on_trial || dies {
        return out;
    }
    if (rules.decisions.may_starve)(&current.record, running) {
        out.push((1, down));
    }
    match (rules.decisions.expire)(&current.record, running, Reason::Deadline) {
        Expired::Reboot(next) => out.push((1, down.write(current.write_to, next, Fault::None))),
        Expired::Keep(_) | Expired::Stay => {}
    }
    out
}

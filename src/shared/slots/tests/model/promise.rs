//! Invariant (1): from a state on, with no further fault, a blessed generation runs within K boots, or, where the bound
//! of (8) is reached, one that is kept.
//!
//! What is damaged stays damaged. A generation that dies late may do so before or after it is blessed, and
//! both ways must lead on; so the number of boots is that of the longest way.

use std::collections::HashMap;

use crate::{Expired, Reason, Running};

use super::bound;
use super::events::boots;
use super::world::{Fault, Phase, Quality, State, Update};
use crate::explore::Rules;

/// Boots that each visited state needs; `None` while a way through it is followed.
pub type Known = HashMap<State, Option<u32>, crate::explore::Hasher>;

/// Returns how many boots `state` needs at most, or the state at which the promise is broken.
pub fn boots_needed(state: &State, rules: &Rules, known: &mut Known) -> Result<u32, String> {
    let state = state.normal(&rules.scope);
    match known.get(&state) {
        Some(Some(boots)) => return Ok(*boots),
        Some(None) => return Err(format!("(1) boots in a circle: {state:?}")),
        None => {}
    }
    known.insert(state, None);
    let boot = u32::from(state.phase == Phase::Down);
    let mut most = 0;
    for next in undisturbed(&state, rules)? {
        most = most.max(boot + boots_needed(&next, rules, known)?);
    }
    known.insert(state, Some(most));
    Ok(most)
}

/// Returns what can follow without a fault; nothing if a blessed generation runs.
fn undisturbed(state: &State, rules: &Rules) -> Result<Vec<State>, String> {
    match state.phase {
        Phase::Down => boots(state, rules, &[Fault::None]),
        Phase::Started(running) if state.slots.get(running.slot).quality == Quality::Dead => {
            Ok(vec![state.with(Phase::Down)])
        }
        Phase::Started(running) => {
            let current = state.current();
            let next = (rules.decisions.answer)(&current.record, running);
            let up = state.with(Phase::Up(running, Update::None));
            Ok(vec![up.write(current.write_to, next, Fault::None)])
        }
        Phase::Up(running, _) => run(state, running, rules),
    }
}

/// Returns what can follow a run.
fn run(state: &State, running: Running, rules: &Rules) -> Result<Vec<State>, String> {
    let current = state.current();
    let blessed = (rules.decisions.bless)(&current.record, running).ok();
    let proven = |state: &State| state.current().record.slots.get(running.slot).is_proven();
    let down = state.with(Phase::Down);
    match state.slots.get(running.slot).quality {
        Quality::Good if proven(state) => Ok(Vec::new()),
        Quality::Good => match blessed.map(|next| state.write(current.write_to, next, Fault::None)) {
            Some(after) if proven(&after) => Ok(Vec::new()),
            _ => Ok(vec![down]),
        },
        // Rotted under the run, or about to show it.
        Quality::DiesLate | Quality::Dead | Quality::Refused => {
            let after = blessed.map(|next| down.write(current.write_to, next, Fault::None));
            Ok([Some(down), after].into_iter().flatten().collect())
        }
        Quality::Unhealthy => {
            let settled = (rules.decisions.settle)(&current.record, running);
            let state = settled.map_or(*state, |next| state.write(current.write_to, next, Fault::None));
            let current = state.current();
            match (rules.decisions.expire)(&current.record, running, Reason::Deadline) {
                Expired::Reboot(next) => {
                    Ok(vec![state.with(Phase::Down).write(current.write_to, next, Fault::None)])
                }
                Expired::Keep(_) if bound::is_reached(&current.record, running) => Ok(Vec::new()),
                Expired::Keep(_) | Expired::Stay => Err(format!("(3) stays on a bad generation: {state:?}")),
            }
        }
    }
}

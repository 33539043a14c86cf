//! The exploration: breadth first, with states known by a digest of 128 bits, and the invariants.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use snapshots::decide::{Image, Room, Step, Unreadable, decide, dispensable, needed};
use snapshots::{Cause, Kind, Ledger, Snapshot, Standing};

use crate::disk::{Disk, Next};
use crate::events::followers;
use crate::world::{Item, Phase, Scope, Service, State};
use crate::{ALONE, ORDERS, VERSIONS};

/// What is to be done next.
type Decide = fn(Option<&Ledger>, &Image, &[Snapshot]) -> Result<Step, Unreadable>;
/// What may be removed unasked.
type Dispensable = for<'a> fn(&Ledger, &'a [Snapshot], Room) -> Vec<&'a str>;

/// The decisions that some broken variant changes, and how widely they are explored.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub scope: Scope,
    pub decide: Decide,
    pub dispensable: Dispensable,
    /// The ledger is sealed before the boot record has a blessing.
    pub seals: bool,
}

/// The very code that runs.
pub const SOUND: Rules = Rules {
    scope: Scope { by_hand: false, orders: 0, updates: 0, lost: false, full: false, images: &[] },
    decide,
    dispensable,
    seals: true,
};

/// Rules broken on purpose, each a mistake that somebody could make.
pub fn broken() -> [(&'static str, Scope, Rules); 6] {
    [
        (
            "the newest readable snapshot is restored over anything",
            ALONE,
            Rules { decide: over_anything, ..SOUND },
        ),
        ("nothing is ever restored unasked", ALONE, Rules { decide: never, ..SOUND }),
        ("a restore that was cut is forgotten", ALONE, Rules { decide: forgetful, ..SOUND }),
        ("another generation writes without a copy", VERSIONS, Rules { decide: without_copy, ..SOUND }),
        ("what was put aside is removed", ORDERS, Rules { dispensable: all_aside, ..SOUND }),
        ("the ledger does not know of a blessing", ALONE, Rules { seals: false, ..SOUND }),
    ]
}

fn over_anything(ledger: Option<&Ledger>, image: &Image, snapshots: &[Snapshot]) -> Result<Step, Unreadable> {
    decide(ledger, image, snapshots).or_else(|unreadable| {
        let readable =
            |s: &&Snapshot| s.facts.as_ref().is_some_and(|f| image.unreadable(&f.data.versions).is_none());
        let newest = snapshots.iter().rev().find(readable).ok_or(unreadable.clone())?;
        Ok(Step::Restore { id: newest.id.clone(), cause: Cause::Unreadable { what: unreadable.what } })
    })
}

fn never(ledger: Option<&Ledger>, image: &Image, snapshots: &[Snapshot]) -> Result<Step, Unreadable> {
    match decide(ledger, image, snapshots)? {
        Step::Restore { cause: Cause::Unreadable { what }, .. } => {
            Err(Unreadable { what, why: String::new() })
        }
        step => Ok(step),
    }
}

fn forgetful(ledger: Option<&Ledger>, image: &Image, snapshots: &[Snapshot]) -> Result<Step, Unreadable> {
    match (decide(ledger, image, snapshots)?, ledger) {
        (Step::Move, Some(ledger)) if ledger.data.generation == image.generation => Ok(Step::Start),
        (step, _) => Ok(step),
    }
}

fn without_copy(ledger: Option<&Ledger>, image: &Image, snapshots: &[Snapshot]) -> Result<Step, Unreadable> {
    match decide(ledger, image, snapshots)? {
        Step::Copy => Ok(Step::Record),
        step => Ok(step),
    }
}

fn all_aside<'a>(ledger: &Ledger, snapshots: &'a [Snapshot], room: Room) -> Vec<&'a str> {
    let needed = needed(ledger, snapshots);
    let aside = |s: &&Snapshot| {
        s.facts.as_ref().is_some_and(|f| f.kind == Kind::Aside) && !needed.contains(s.id.as_str())
    };
    let aside = snapshots.iter().filter(aside).map(|s| s.id.as_str());
    aside.chain(dispensable(ledger, snapshots, room)).collect()
}

/// What was explored.
#[derive(Debug)]
pub struct Explored {
    pub states: usize,
    pub transitions: usize,
}

/// Explores everything that follows from an installed disk.
///
/// # Errors
/// The first invariant that breaks, with a shortest way to it.
pub fn explore(rules: &Rules) -> Result<Explored, String> {
    let first = State::installed(&rules.scope).normal();
    let mut from = HashMap::from([(digest(&first), (0, "installed"))]);
    let mut open = VecDeque::from([first]);
    let mut explored = Explored { states: 0, transitions: 0 };
    while let Some(state) = open.pop_front() {
        explored.states += 1;
        let here = digest(&state);
        check(&state, rules).map_err(|broken| format!("{broken}\n{}\n{state:#?}", way(here, &from)))?;
        for (event, next) in followers(&state, rules) {
            explored.transitions += 1;
            let next = next.normal();
            if let std::collections::hash_map::Entry::Vacant(new) = from.entry(digest(&next)) {
                new.insert((here, event));
                open.push_back(next);
            }
        }
    }
    Ok(explored)
}

/// Returns a digest of a state: two seeds of a hash of 64 bits.
fn digest(state: &State) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        state.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

/// Tells what has happened, one event a line.
fn way(mut at: u128, from: &HashMap<u128, (u128, &'static str)>) -> String {
    let mut lines = Vec::new();
    while let Some((before, event)) = from.get(&at) {
        lines.push(*event);
        at = *before;
    }
    lines.reverse();
    lines.join("\n")
}

/// Checks the invariants in a state.
fn check(state: &State, rules: &Rules) -> Result<(), String> {
    let disk = &state.disk;
    if matches!(state.item, Item::Precious | Item::PutAside) && !disk.has_item() {
        return Err("(8) what a blessed generation wrote is nowhere".to_owned());
    }
    let Phase::Up(running, service) = state.phase else { return Ok(()) };
    let image = state.image(running);
    match service {
        Service::Serving => {
            let here = disk.here.as_ref().ok_or("(9) services run on nothing")?;
            if state.item == Item::Precious && !here.has_item {
                return Err("(8) services run without what a blessed generation wrote".to_owned());
            }
        }
        // What an order has moved may be needed by a way back.
        Service::Waiting if state.orders == rules.scope.orders => check_waiting(disk, &image)?,
        Service::Waiting => {}
        Service::Preparing => {
            if let Next::Start = disk.prepare(&image, rules)
                && let Some(here) = &disk.here
                && image.unreadable(&[("etcd".to_owned(), here.version)].into()).is_some()
            {
                return Err("(9) services start on data that can't be read".to_owned());
            }
            ends(state, &image, rules)?;
        }
    }
    Ok(())
}

/// Checks that what can't be read, or the last copy of it that can't be read either, is worth asking somebody.
fn check_waiting(disk: &Disk, image: &Image) -> Result<(), String> {
    let (Some(ledger), mut dir) = (&disk.ledger, disk.here.as_ref()) else { return Ok(()) };
    // A number that came back after both records were lost is taken for the generation that had it before.
    if ledger.generations.get(&ledger.data.generation).is_some_and(|k| k.blessed) {
        return Ok(());
    }
    let mut standing = &ledger.data.standing;
    for _ in 0..=disk.kept.len() {
        if dir.is_some_and(|d| d.is_worth) || matches!(standing, Standing::Trial { base: None }) {
            return Ok(());
        }
        let Standing::Trial { base: Some(id) } = standing else { break };
        let Some(base) = disk.kept.iter().find(|k| k.id == *id) else { break };
        if image.unreadable(&base.facts.data.versions).is_none() {
            break;
        }
        (dir, standing) = (base.dir.as_ref(), &base.facts.data.standing);
    }
    Err("(10) nothing starts over what only a trial wrote".to_owned())
}

/// Checks that preparing ends when nothing interferes.
fn ends(state: &State, image: &Image, rules: &Rules) -> Result<(), String> {
    let mut disk = state.disk.clone();
    for _ in 0..50 {
        match disk.prepare(image, rules) {
            Next::Start | Next::Wait => return Ok(()),
            Next::Changed(mut next) => match next.pop() {
                Some(next) => disk = next,
                None => return Ok(()),
            },
        }
    }
    Err("(11) preparing does not end".to_owned())
}

/// Explores with sound rules and says what was seen.
pub fn hold(name: &str, scope: Scope) {
    let explored = explore(&Rules { scope, ..SOUND }).unwrap_or_else(|broken| panic!("{name}: {broken}"));
    let Explored { states, transitions } = explored;
    println!("{name}: {states} states, {transitions} transitions");
}

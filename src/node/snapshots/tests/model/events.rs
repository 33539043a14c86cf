//! Everything that can happen in a state.

use snapshots::Cause;
use snapshots::decide::{needed, restorable, sealed};

use crate::disk::{Dir, Disk, Next};
use crate::explore::Rules;
use crate::world::{ANY, Content, Item, Phase, Service, State};
use crate::{
    Boot, Expired, Flags, Reason, Record, Running, Slot, answer, begin_update, bless, boot_once, cancel,
    commit_update, expire, rollback, settle,
};

/// A state that follows, and what has happened.
pub type Followers = Vec<(&'static str, State)>;

/// Returns every state that can follow.
pub fn followers(state: &State, rules: &Rules) -> Followers {
    let mut out = Vec::new();
    if rules.scope.lost && state.record.is_some() {
        out.push(("both records are lost", State { record: None, ..state.clone() }));
    }
    match state.phase {
        Phase::Down => boots(state, &mut out),
        Phase::Up(running, service) => {
            out.push(("the power is cut", down(state, state.record)));
            of_init(state, (running, service), rules, &mut out);
            of_noded(state, (running, service), rules, &mut out);
            if rules.scope.by_hand {
                by_hand(state, running, &mut out);
            }
            if state.orders > 0 {
                orders(state, running, service, &mut out);
            }
            // While the data is prepared it may be older than the ledger says: an upgrade is refused then.
            if service != Service::Preparing {
                update(state, running, rules, &mut out);
            }
        }
    }
    out
}

fn down(state: &State, record: Option<Record>) -> State {
    State { phase: Phase::Down, record, ..state.clone() }
}

/// Starts the slot that the boot loader chooses: it dies, or answers.
fn boots(state: &State, out: &mut Followers) {
    let mut boot = Boot::new(state.record, None, &state.headers());
    let Some(start) = boot.next_start() else { return };
    let running = Running { slot: start.slot, generation: start.generation, why: start.why };
    out.push(("a start dies", down(state, Some(start.record))));
    let phase = Phase::Up(running, Service::Preparing);
    out.push((
        "a start answers",
        State { record: Some(answer(&start.record, running)), phase, ..state.clone() },
    ));
}

/// Adds blessing, the end of a trial, and the end of a good run.
fn of_init(state: &State, (running, service): (Running, Service), rules: &Rules, out: &mut Followers) {
    let Some(record) = &state.record else { return };
    if let Some(next) = settle(record, running) {
        out.push(("the run settles", State { record: Some(next), ..state.clone() }));
    }
    if let Expired::Reboot(next) = expire(record, running, Reason::Deadline) {
        out.push(("the trial ends without success", down(state, Some(next))));
    }
    let Ok(next) = bless(record, running) else { return };
    if service != Service::Serving {
        return;
    }
    let ledger = state.disk.ledger.as_ref().and_then(|l| sealed(l, running.generation));
    if rules.seals
        && let Some(next) = ledger.filter(|next| Some(next) != state.disk.ledger.as_ref())
    {
        let mut after = state.clone();
        after.disk.ledger = Some(next);
        if let Some(here) = &mut after.disk.here {
            here.is_worth = true;
        }
        out.push(("the ledger is sealed", after));
        return;
    }
    let mut after = State { record: Some(next), ..state.clone() };
    if let Some(content) = after.slots.get_mut(running.slot) {
        content.was_blessed = true;
    }
    if let Some(here) = &mut after.disk.here {
        here.is_worth = true;
        if after.item == Item::Trial && here.has_item {
            after.item = Item::Precious;
        }
    }
    out.push(("the generation is blessed", after));
}

/// Adds what `noded` does to the data, and what services write.
fn of_noded(state: &State, (running, service): (Running, Service), rules: &Rules, out: &mut Followers) {
    let Some(content) = *state.slots.get(running.slot) else { return };
    let to = |disk: Disk, service| State { disk, phase: Phase::Up(running, service), ..state.clone() };
    match service {
        Service::Waiting => {}
        Service::Preparing => match state.disk.prepare(&state.image(running), rules) {
            Next::Wait => out.push(("nothing starts", to(state.disk.clone(), Service::Waiting))),
            Next::Changed(disks) => {
                for disk in disks {
                    let after = noticed(state, to(disk, Service::Preparing));
                    out.push(("the data is prepared", after));
                }
            }
            Next::Start => {
                let mut disk = state.disk.clone();
                let known = disk.ledger.as_ref().and_then(|l| l.generations.get(&content.generation));
                let is_worth = content.was_blessed || known.is_some_and(|k| k.blessed);
                let here = disk.here.get_or_insert_with(Dir::default);
                here.version = content.versions.1;
                here.is_worth |= is_worth;
                out.push(("services start", to(disk, Service::Serving)));
            }
        },
        Service::Serving if state.item == Item::None => {
            let mut after = state.clone();
            if let Some(here) = &mut after.disk.here {
                here.has_item = true;
            }
            after.item = if content.was_blessed { Item::Precious } else { Item::Trial };
            out.push(("the text is written", after));
        }
        Service::Serving => {}
    }
}

/// Notes what a change of the disk means for the text: an ordered restore puts it aside, or brings it back; what was
/// only written on trial may be gone.
fn noticed(before: &State, mut after: State) -> State {
    let moving = before.disk.ledger.as_ref().and_then(|l| l.moving.as_ref());
    let ended = after.disk.ledger.as_ref().is_some_and(|l| l.moving.is_none());
    let is_here = after.disk.here.as_ref().is_some_and(|d| d.has_item);
    match (moving, after.item) {
        (Some(moving), Item::Precious) if ended && !is_here && moving.cause == Cause::Ordered => {
            after.item = Item::PutAside;
        }
        (Some(_), Item::PutAside) if ended && is_here => after.item = Item::Precious,
        _ => {}
    }
    if after.item == Item::Trial && !after.disk.has_item() {
        after.item = Item::None;
    }
    after
}

/// Adds the orders about the next boot.
fn by_hand(state: &State, running: Running, out: &mut Followers) {
    let Some(record) = &state.record else { return };
    let decided = [
        ("rollback", rollback(record, running)),
        ("boot-once a", boot_once(record, Slot::A)),
        ("boot-once b", boot_once(record, Slot::B)),
        ("cancel", cancel(record, running)),
    ];
    for (name, next) in decided {
        out.extend(next.ok().map(|next| (name, State { record: Some(next), ..state.clone() })));
    }
}

/// Adds the orders about snapshots, which `noded` takes at any time.
fn orders(state: &State, running: Running, service: Service, out: &mut Followers) {
    let Some(ledger) = state.disk.ledger.as_ref().filter(|l| l.moving.is_none()) else { return };
    let (snapshots, image) = (state.disk.snapshots(), state.image(running));
    let again = if service == Service::Waiting { Service::Preparing } else { service };
    for snapshot in &snapshots {
        let id = &snapshot.id;
        if restorable(id, &image, &snapshots).is_ok() {
            let mut after = State { orders: state.orders - 1, ..state.clone() };
            after.disk.ledger = Some(snapshots::Ledger { order: Some(id.clone()), ..ledger.clone() });
            after.phase = Phase::Up(running, again);
            out.push(("a restore is ordered", after));
        }
        if !needed(ledger, &snapshots).contains(id.as_str()) {
            let mut after = State { orders: state.orders - 1, ..state.clone() };
            after.disk.kept.retain(|k| k.id != *id);
            if !after.disk.has_item() {
                after.item = Item::None;
            }
            out.push(("a snapshot is removed by order", after));
        }
    }
}

/// Adds an update: the slot is released, then a generation that reads the data is committed.
fn update(state: &State, running: Running, rules: &Rules, out: &mut Followers) {
    let Some(record) = state.record.as_ref().filter(|_| state.updates > 0) else { return };
    if let Ok((target, next)) = begin_update(record, running) {
        let mut after = State { record: Some(next), ..state.clone() };
        *after.slots.get_mut(target) = None;
        out.push(("an update begins", after));
    }
    let target = running.slot.other();
    if record.slots.get(target).flags.has(Flags::PRESENT) || state.slots.get(target).is_some() {
        return;
    }
    let generation = record.next_generation();
    let Ok(next) = commit_update(record, running, generation, 0) else { return };
    let found = state.disk.ledger.as_ref().and_then(|l| l.data.versions.get("etcd").copied());
    for versions in rules.scope.images {
        if found.is_none_or(|v| (versions.0..=versions.1).contains(&v)) {
            let updates = if state.updates == ANY { ANY } else { state.updates - 1 };
            let mut after = State { record: Some(next), updates, ..state.clone() };
            *after.slots.get_mut(target) =
                Some(Content { generation, versions: *versions, was_blessed: false });
            out.push(("an update is committed", after));
        }
    }
}

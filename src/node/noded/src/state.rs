//! The data on the state partition: prepares it before anything starts, takes an operator's orders about it, and tells
//! what can be done when it can't be used.
//!
//! `snapshots` decides and does; here is who asks, and when. An order is carried out before anything uses the data: at
//! once on a node that waits for one, otherwise at the next boot.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use config::StorageKind;
use control::BootStatus;
use slots::Flags;
use snapshots::{Cause, Image, Incoming, Outcome, StateError, Store, Survey};

use crate::condition::{Claim, SERVICES_READY, STATE_KEPT};
use crate::node::Node;

mod told;

/// Where the data is.
const STATE: &str = "/state";
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(15);

/// The data of this node.
#[derive(Debug)]
pub struct Keeper {
    held: Mutex<Held>,
    /// An order has come.
    ordered: Condvar,
}

#[derive(Debug)]
struct Held {
    store: Store,
    phase: Phase,
    /// An order has come since the last try.
    is_ordered: bool,
    /// Data for the store is being made, and takes the place of what is there.
    is_exchanging: bool,
}

/// What the data is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing yet: it is being prepared.
    Preparing,
    /// Nothing, for this reason.
    Waiting(String),
    /// Services run on it, or may.
    InUse,
}

/// How a start of this program treats the data.
#[derive(Debug)]
enum How {
    /// It is prepared for this generation.
    Prepare(Image),
    /// Which generation runs is not known, as the disk has no boot record: it must be of these versions.
    Unchanged(BTreeMap<String, u32>),
    /// Services run on it already: this program was restarted.
    InUse,
}

/// When an order is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before services start, which is now.
    Now,
    /// Services run: at the next boot.
    NextBoot,
}

impl Keeper {
    /// The data below `root`; nothing is read yet.
    pub fn at(root: &Path) -> Keeper {
        let (store, phase) = (Store::at(root), Phase::Preparing);
        let held = Held { store, phase, is_ordered: false, is_exchanging: false };
        Keeper { held: Mutex::new(held), ordered: Condvar::new() }
    }

    /// Notes that services run on the data.
    ///
    /// # Errors
    /// If the ledger can't be read.
    #[cfg(test)]
    pub fn is_used_already(&self) -> Result<(), StateError> {
        self.prepare(&How::InUse).map(drop)
    }

    /// The data of a node.
    pub fn of_node() -> Keeper {
        Keeper::at(Path::new(STATE))
    }

    /// Returns the versions of the data, by name; none where nothing is recorded.
    ///
    /// # Errors
    /// If the ledger can't be read, or the data is being prepared: it may be older then than the ledger says.
    pub fn recorded(&self) -> Result<BTreeMap<String, u32>> {
        let held = self.lock();
        ensure!(held.phase != Phase::Preparing, "the state is being prepared: try again");
        Ok(held.store.load()?.map(|l| l.data.versions).unwrap_or_default())
    }

    /// Records that what `generation` writes is kept as a blessed generation's.
    ///
    /// # Errors
    /// If that can't be recorded.
    pub fn seal(&self, generation: u32) -> Result<()> {
        Ok(self.lock().store.seal(generation)?)
    }

    /// Takes the order to restore a snapshot, or takes it back without one; returns when it is carried out. With
    /// `dry` nothing changes.
    ///
    /// # Errors
    /// As [`Store::order`]; [`StateError::Order`] while a snapshot of the store is being restored: its exchange moves the
    /// same directories, and ends what was ordered before.
    pub fn order(&self, id: Option<&str>, image: &Image, dry: bool) -> Result<When, StateError> {
        let mut held = self.lock();
        if held.is_exchanging && id.is_some() {
            let why = "a snapshot of the store is being restored: order this again when that is done";
            return Err(StateError::Order(why.to_owned()));
        }
        held.store.order(id, image, dry)?;
        if !dry {
            held.is_ordered = true;
            self.ordered.notify_all();
        }
        Ok(if held.phase == Phase::InUse { When::NextBoot } else { When::Now })
    }

    /// Makes the directory in which data for the store `part` can be made.
    ///
    /// # Errors
    /// As [`Store::make_incoming`]; [`StateError::Order`] if no service may run on the data that is there.
    pub fn make_incoming(&self, part: &str) -> Result<Incoming, StateError> {
        let mut held = self.lock();
        match held.phase {
            Phase::InUse => {
                let incoming = held.store.make_incoming(part)?;
                held.is_exchanging = true;
                Ok(incoming)
            }
            _ => Err(StateError::Order("the state can't be used as it is".to_owned())),
        }
    }

    /// Removes data for the store that did not become whole.
    ///
    /// # Errors
    /// As [`Store::discard`].
    pub fn discard(&self, incoming: &Incoming) -> Result<(), StateError> {
        let mut held = self.lock();
        held.is_exchanging = false;
        held.store.discard(incoming)
    }

    /// Notes that nothing takes the place of what is there.
    pub fn keep(&self) {
        self.lock().is_exchanging = false;
    }

    /// Returns the name of the snapshot that the store's data became, if an exchange is the last thing that was done.
    pub fn put_aside(&self) -> Option<String> {
        // One that can't be read was not exchanged by this program.
        match self.lock().store.load().ok()??.outcome? {
            Outcome::Exchanged { aside } => Some(aside),
            _ => None,
        }
    }

    /// Returns the bytes that a copy of a part of the data needs at most, with a reserve, and those that are free.
    ///
    /// # Errors
    /// If they can't be asked for.
    pub fn room_to_copy(&self, part: &str) -> Result<(u64, u64), StateError> {
        let held = self.lock();
        Ok((held.store.bytes_to_copy(part), held.store.free_bytes()?))
    }

    /// Exchanges the store's data for `incoming`; returns the name of the snapshot that what was there became.
    ///
    /// # Errors
    /// As [`Store::exchange`]: [`prepare`] must come before anything uses the data then.
    pub fn exchange(&self, incoming: &Incoming) -> Result<String, StateError> {
        let mut held = self.lock();
        held.is_exchanging = false;
        held.store.exchange(incoming)
    }

    /// Returns the free bytes of the partition.
    ///
    /// # Errors
    /// If they can't be asked for.
    pub fn free_bytes(&self) -> Result<u64, StateError> {
        self.lock().store.free_bytes()
    }

    /// Removes a snapshot by an order.
    ///
    /// # Errors
    /// As [`Store::remove`].
    pub fn remove(&self, id: &str, dry: bool) -> Result<(), StateError> {
        let held = self.lock();
        held.store.remove(id, dry)?;
        drop(held);
        // It may be room that was missing.
        self.ordered.notify_all();
        Ok(())
    }

    /// Returns all that there is, and why nothing starts, if it does not; `None` while a copy is taken, which may last.
    ///
    /// # Errors
    /// If it can't be read.
    fn survey(&self) -> Result<Option<(Survey, Option<String>)>> {
        let held = match self.held.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        let problem = match &held.phase {
            Phase::Waiting(why) => Some(why.clone()),
            Phase::Preparing | Phase::InUse => None,
        };
        Ok(Some((held.store.survey()?, problem)))
    }

    /// Prepares the data, or finds out that it can be used as it is.
    fn prepare(&self, how: &How) -> Result<Option<Outcome>, StateError> {
        let mut held = self.lock();
        held.is_ordered = false;
        let prepared = match how {
            How::Prepare(image) => held.store.prepare(image),
            How::Unchanged(versions) => held.store.check_unchanged(versions),
            How::InUse => held.store.load().map(|l| l.and_then(|l| l.outcome)),
        };
        held.phase = match &prepared {
            Ok(_) => Phase::InUse,
            Err(e) => Phase::Waiting(e.to_string()),
        };
        prepared
    }

    /// Waits for an order, not for long.
    fn wait(&self) {
        let held = self.lock();
        if !held.is_ordered {
            drop(self.ordered.wait_timeout(held, PAUSE).map_err(PoisonError::into_inner));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the data one that this generation may write; returns when it is.
pub fn prepare(node: &Arc<Node>) {
    let mut told = String::new();
    loop {
        match try_prepare(node) {
            Ok(()) => return,
            Err(e) => {
                let text = format!("{e:#}");
                if text != told {
                    crate::console::announce(&format!(
                        "ironhull: the state can't be used, no service starts: {text}\n\
                         hint: `ironhull node ADDRESS state` shows what can be done"
                    ));
                    told.clone_from(&text);
                }
                node.claim(SERVICES_READY, Claim::no("State", text));
            }
        }
        node.state.wait();
    }
}

fn try_prepare(node: &Node) -> Result<()> {
    let status = node.init.status().context("asking init for its status")?;
    // After a restart of this program services run on the data already.
    // What runs containers uses none of it, and is all that runs while the store's data is exchanged.
    let uses = |name: &str| name != control::NODED && !cluster::RUNTIME.contains(&name);
    let is_in_use = status.services.iter().any(|s| uses(&s.name));
    let how = match &status.boot {
        _ if is_in_use => How::InUse,
        Some(boot) => How::Prepare(image(node, boot)),
        None => How::Unchanged(Image { versions: known(node), ..Image::default() }.writes()),
    };
    if let Some(outcome) = node.state.prepare(&how)? {
        node.claim(STATE_KEPT, claim(&outcome));
    }
    Ok(())
}

/// Returns the generation that runs as `snapshots` wants it.
fn image(node: &Node, boot: &BootStatus) -> Image {
    let is_blessed = |s: &&control::SlotStatus| s.entry.is_present() && s.entry.flags.has(Flags::BLESSED);
    Image {
        generation: boot.generation,
        versions: known(node),
        blessed: boot.slots.iter().filter(is_blessed).map(|s| s.entry.generation).collect(),
    }
}

/// Takes an operator's order to restore a snapshot, or takes it back; says what happens and when.
///
/// # Errors
/// The inner one if it can't be done, and why; the outer one if `init` can't be asked.
pub fn restore(node: &Node, id: Option<&str>, dry: bool) -> Result<Result<(String, When), StateError>> {
    let boot = node.init.status()?.boot.context("the disk has no boot record")?;
    let ordered = node.state.order(id, &image(node, &boot), dry);
    Ok(ordered.map(|when| match id {
        Some(id) => (format!("snapshot {id} is restored, and the state that is there is put aside"), when),
        None => ("no snapshot is restored at the next boot".to_owned(), when),
    }))
}

/// Returns the versions that the image knows of what is on this node's disk.
fn known(node: &Node) -> BTreeMap<String, api::StateVersions> {
    let unused: &[&str] = match node.documents.cluster.spec.storage.kind {
        // Without a store it has no objects either.
        _ if !node.duties.control_plane => &["etcd", "kine", "kubernetes"],
        StorageKind::Etcd => &["kine"],
        StorageKind::Kine => &["etcd"],
    };
    let used = node.image.state.iter().filter(|(n, _)| !unused.contains(&n.as_str()));
    used.map(|(n, v)| (n.clone(), *v)).collect()
}

/// Returns what the node's status says of its data; `None` while that is being prepared.
pub fn describe(node: &Node, boot: Option<&BootStatus>) -> Option<api::State> {
    match node.state.survey() {
        Ok(surveyed) => {
            let (survey, problem) = surveyed?;
            let image = boot.map(|b| image(node, b));
            Some(told::state(&survey, problem, (image.as_ref(), boot)))
        }
        Err(e) => Some(api::State { problem: Some(format!("{e:#}")), ..api::State::default() }),
    }
}

/// Says what came of it.
fn claim(outcome: &Outcome) -> Claim {
    match outcome {
        Outcome::Kept { of, snapshot } => {
            let message = format!("as generation {of} left it: /state/snapshots/{snapshot}");
            Claim { message, ..Claim::yes("Kept") }
        }
        Outcome::NoSnapshot { why } => Claim::no("NoSnapshot", why.clone()),
        Outcome::Brought { of, aside, cause } => {
            let why = match cause {
                Cause::Unreadable { what } => what.as_str(),
                Cause::Ordered => "by order",
            };
            let lost = format!("what was written since is in /state/snapshots/{aside}");
            Claim::no("Restored", format!("{why}: restored as generation {of} left it; {lost}"))
        }
        Outcome::Exchanged { aside } => {
            let message = format!("by order: what it held before is in /state/snapshots/{aside}");
            Claim::no("StoreRestored", message)
        }
        Outcome::Dropped { why } => Claim::no("OrderDropped", why.clone()),
    }
}

//! Upgrades: one at a time, from the request to the reboot.
//!
//! Here is what is known of it and what may follow what; the work is done by [`job`] on a thread of its own.
//! How to write a slot is decided in the crate `update`. A restart of `noded` forgets the upgrade but not
//! what has arrived of the bundle: the same request goes on with it.

mod drain;
mod fetch;
mod job;
mod slot;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::{PieceQuery, Upgrade, UpgradeRequest, UpgradeSource, UpgradeStage};
use update::{Source, Staged, UpdateError};

use crate::node::Node;
use crate::thread::spawn_or_tell;

/// Where a bundle is kept on its way.
const STAGING: &str = "/var/lib/ironhull/upgrade";

/// After this time without a piece an upload no longer keeps others off.
const HOLD: Duration = Duration::from_secs(60);

/// Why a request about an upgrade is not carried out.
#[derive(Debug)]
pub enum Refused {
    /// It can't be carried out as it is.
    Malformed(String),
    /// The node's state forbids it; with a remedy.
    Conflict(String, Option<String>),
    /// The node failed.
    Failed(anyhow::Error),
}

impl From<UpdateError> for Refused {
    fn from(error: UpdateError) -> Refused {
        match error {
            UpdateError::File { .. } => Refused::Failed(error.into()),
            other => Refused::Conflict(other.to_string(), other.hint()),
        }
    }
}

impl Refused {
    fn conflict(message: &str, hint: &str) -> Refused {
        Refused::Conflict(message.to_owned(), Some(hint.to_owned()))
    }
}

/// What follows once the bundle is installed.
#[derive(Clone, Copy, Debug, Default)]
struct Then {
    drain: bool,
    reboot: bool,
}

/// The node's one upgrade.
#[derive(Debug, Default)]
pub struct Upgrader {
    state: Mutex<State>,
    cancelled: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    shown: Upgrade,
    /// What arrives by upload.
    staged: Option<Staged>,
    /// When something of it came last.
    heard: Option<Instant>,
    then: Then,
}

impl Upgrader {
    /// Returns how it goes.
    pub fn status(&self) -> Upgrade {
        self.lock().shown.clone()
    }

    /// Begins an upgrade; an upload goes on where it broke off.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn begin(node: &Arc<Node>, request: &UpgradeRequest) -> Result<Upgrade, Refused> {
        check_source(&request.source)?;
        may_begin(node)?;
        let upgrader = &node.upgrader;
        let mut state = upgrader.lock();
        if state.shown.stage.is_busy() {
            return Err(Refused::conflict(
                "an upgrade is under way",
                "wait for it, or call it off with `ironhull node ADDRESS cancel`",
            ));
        }
        let arriving = state.staged.as_ref().map(|s| s.source().id.as_str());
        if is_held(arriving, &request.source, state.heard.map(|h| h.elapsed())) {
            return Err(Refused::conflict(
                "another bundle is being uploaded",
                "wait for it, or call it off with `ironhull node ADDRESS cancel`",
            ));
        }
        upgrader.cancelled.store(false, Ordering::Relaxed);
        state.then = Then { drain: request.drain, reboot: request.reboot };
        match &request.source {
            UpgradeSource::Url(url) => {
                state.staged = None;
                state.shown = Upgrade { stage: UpgradeStage::Fetching, ..Upgrade::default() };
                start(node, job::Bundle::At(url.clone()), state.then);
            }
            UpgradeSource::Upload(upload) => {
                let source = Source { id: source_id(&upload.sha256), bytes: upload.bytes };
                let staged = Staged::open(Path::new(STAGING), source, free_bytes()?)?;
                receive(node, &mut state, staged);
            }
        }
        Ok(state.shown.clone())
    }

    /// Takes a piece of an upload.
    ///
    /// # Errors
    /// [`Refused`]; nothing was taken then.
    pub fn take(node: &Arc<Node>, query: &PieceQuery, piece: &[u8]) -> Result<Upgrade, Refused> {
        let mut state = node.upgrader.lock();
        let expected = source_id(&query.id);
        let Some(mut staged) = state.staged.take_if(|s| s.source().id == expected) else {
            let what = if state.staged.is_some() { "another bundle is" } else { "no upload is" };
            return Err(Refused::conflict(&format!("{what} expected"), "begin with POST /v1/upgrade"));
        };
        let appended = staged.append(query.offset, piece);
        receive(node, &mut state, staged);
        appended?;
        Ok(state.shown.clone())
    }

    /// Calls the upgrade off.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if there is none that can be.
    pub fn cancel(&self) -> Result<Upgrade, Refused> {
        let mut state = self.lock();
        match state.shown.stage {
            UpgradeStage::Receiving => {
                state.staged = None;
                state.shown = Upgrade { stage: UpgradeStage::Cancelled, ..Upgrade::default() };
            }
            stage if stage.is_busy() && stage != UpgradeStage::Rebooting => {
                self.cancelled.store(true, Ordering::Relaxed);
            }
            _ => return Err(Refused::conflict("no upgrade is under way", "the status shows the slots")),
        }
        Ok(state.shown.clone())
    }

    /// Changes what is shown.
    fn show(&self, change: impl FnOnce(&mut Upgrade)) {
        change(&mut self.lock().shown);
    }

    /// Enters a stage.
    fn enter(&self, stage: UpgradeStage, total_bytes: u64) {
        self.show(|u| (u.stage, u.done_bytes, u.total_bytes) = (stage, 0, total_bytes));
    }

    /// Shows how far the stage is.
    fn advance(&self, done_bytes: u64) {
        self.show(|u| u.done_bytes = done_bytes);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows what has arrived; when that is all, goes on with it.
fn receive(node: &Arc<Node>, state: &mut State, staged: Staged) {
    let (done_bytes, total_bytes) = (staged.received(), staged.source().bytes);
    if staged.is_whole() {
        state.shown = Upgrade { stage: UpgradeStage::Verifying, total_bytes, ..Upgrade::default() };
        start(node, job::Bundle::Here(staged), state.then);
    } else {
        state.shown =
            Upgrade { stage: UpgradeStage::Receiving, done_bytes, total_bytes, ..Upgrade::default() };
        state.staged = Some(staged);
        state.heard = Some(Instant::now());
    }
}

/// Returns what an upload is known by where it is kept.
fn source_id(sha256: &str) -> String {
    format!("sha256:{sha256}")
}

/// Returns whether `wanted` must wait for the upload `arriving`, of which something came `silence` ago.
fn is_held(arriving: Option<&str>, wanted: &UpgradeSource, silence: Option<Duration>) -> bool {
    let Some(arriving) = arriving else { return false };
    let same = matches!(wanted, UpgradeSource::Upload(u) if source_id(&u.sha256) == arriving);
    !same && silence.is_some_and(|s| s <= HOLD)
}

/// Starts the work.
fn start(node: &Arc<Node>, bundle: job::Bundle, then: Then) {
    let node = Arc::clone(node);
    spawn_or_tell("upgrade", move || job::run(&node, bundle, then));
}

/// Checks what can be checked of a source without asking anybody.
fn check_source(source: &UpgradeSource) -> Result<(), Refused> {
    let malformed = |text: &str| Err(Refused::Malformed(text.to_owned()));
    match source {
        UpgradeSource::Url(url) if !fetch::is_url(url) => {
            malformed("source.url: expected http://HOST/PATH or https://HOST/PATH")
        }
        UpgradeSource::Upload(u)
            if u.sha256.len() != 64 || !u.sha256.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            malformed("source.upload.sha256: expected 64 hex digits")
        }
        UpgradeSource::Upload(u) if u.bytes == 0 => malformed("source.upload.bytes: expected 1 or more"),
        _ => Ok(()),
    }
}

/// Refuses at once what `init` would refuse after everything has arrived; `init` decides all the same.
fn may_begin(node: &Node) -> Result<(), Refused> {
    let status = node.init.status().map_err(Refused::Failed)?;
    let Some(boot) = status.boot else {
        return Err(Refused::conflict("the disk has no boot record", "write a newer image to it"));
    };
    let has = |slot: &control::SlotStatus, flag: &str| slot.flags.iter().any(|f| f == flag);
    let running = boot.slots.iter().find(|s| s.name == boot.slot);
    let blessed = running.is_some_and(|s| has(s, "blessed") && !has(s, "retired"));
    let alone = !boot.slots.iter().any(|s| s.name != boot.slot && has(s, "present"));
    match blessed || alone {
        true => Ok(()),
        false => Err(Refused::Conflict(
            format!(
                "running generation {} is not the blessed one: the other slot may be the only good one",
                boot.generation
            ),
            Some(
                "wait for its trial to end, or end it with rollback; after boot-once or rollback, reboot"
                    .to_owned(),
            ),
        )),
    }
}

/// Returns what the data partition has to give.
fn free_bytes() -> Result<u64, Refused> {
    let facts = rustix::fs::statvfs("/var")
        .map_err(|e| Refused::Failed(anyhow::anyhow!("asking for the room on /var: {e}")))?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_keeps_others_off_while_it_goes_on() {
        let upload =
            |sha256: &str| UpgradeSource::Upload(api::Upload { bytes: 5, sha256: sha256.to_owned() });
        let url = UpgradeSource::Url("https://a.example/b.hull".into());
        let (now, later) = (Some(Duration::ZERO), Some(HOLD + Duration::from_secs(1)));
        let cases = [
            (None, upload("ab"), None, false),
            (None, url.clone(), now, false),
            (Some("sha256:ab"), upload("ab"), now, false),
            (Some("sha256:ab"), upload("cd"), now, true),
            (Some("sha256:ab"), url.clone(), now, true),
            (Some("sha256:ab"), upload("cd"), later, false),
            (Some("sha256:ab"), url, later, false),
        ];
        for (arriving, wanted, silence, held) in cases {
            assert_eq!(is_held(arriving, &wanted, silence), held, "{arriving:?} {wanted:?} {silence:?}");
        }
    }
}

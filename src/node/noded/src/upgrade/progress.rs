//! The progress of an upgrade and whether it was cancelled: shared by the job and its observers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::{Upgrade, UpgradeStage};

/// The progress of the node's only upgrade. Its lock is held only for the duration of a change.
#[derive(Debug, Default)]
pub struct Progress {
    shown: Mutex<Upgrade>,
    called_off: AtomicBool,
}

impl Progress {
    /// Returns the current state.
    pub fn status(&self) -> Upgrade {
        self.lock().clone()
    }

    /// Begins an upgrade in `stage`, with `done_bytes` of `total_bytes`; everything about the previous one is
    /// removed.
    pub fn begin(&self, stage: UpgradeStage, done_bytes: u64, total_bytes: u64) {
        *self.lock() = Upgrade { stage, done_bytes, total_bytes, ..Upgrade::default() };
    }

    /// Changes the state.
    pub fn show(&self, change: impl FnOnce(&mut Upgrade)) {
        change(&mut self.lock());
    }

    /// Enters a stage.
    pub fn enter(&self, stage: UpgradeStage, total_bytes: u64) {
        self.show(|u| (u.stage, u.done_bytes, u.total_bytes) = (stage, 0, total_bytes));
    }

    /// Sets the progress of the stage.
    pub fn advance(&self, done_bytes: u64) {
        self.show(|u| u.done_bytes = done_bytes);
    }

    /// Requests that the job stops; `false` resets this for the next upgrade.
    pub fn call_off(&self, off: bool) {
        self.called_off.store(off, Ordering::Relaxed);
    }

    /// Returns whether the upgrade was cancelled.
    pub fn is_called_off(&self) -> bool {
        self.called_off.load(Ordering::Relaxed)
    }

    /// Returns the flag itself, for code that checks it before each write.
    pub fn called_off(&self) -> &AtomicBool {
        &self.called_off
    }

    fn lock(&self) -> MutexGuard<'_, Upgrade> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! How a long step reports its progress. Displaying it is the caller's task.

use std::time::Duration;

/// What the numbers of a step count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of a download.
    Bytes,
    /// Lines of a tool's log, files, packages: whatever the step consists of.
    Items,
}

/// Receives the progress of steps. Steps do not nest; running steps have different names.
pub trait Progress: Send + Sync + std::fmt::Debug {
    /// A step starts; `total` is its size if known.
    fn started(&self, step: &str, unit: Unit, total: Option<u64>);
    /// `done` of the step's units are done, counted from its start.
    fn advanced(&self, step: &str, done: u64);
    /// The step has ended, whether it succeeded or not.
    fn finished(&self, step: &str, took: Duration);
    /// Announces long steps, each of which takes minutes; shorter ones may run besides. Called before the
    /// first of them starts, and not at all if there are none.
    fn planned(&self, steps: &[String]);
    /// A one-line message to display at once: why nothing happens, or what comes next.
    fn said(&self, line: &str);
}

/// Reports nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn started(&self, _step: &str, _unit: Unit, _total: Option<u64>) {}
    fn advanced(&self, _step: &str, _done: u64) {}
    fn finished(&self, _step: &str, _took: Duration) {}
    fn planned(&self, _steps: &[String]) {}
    fn said(&self, _line: &str) {}
}

/// A running step; reports its end when dropped.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    to: &'a dyn Progress,
    name: String,
    began: std::time::Instant,
}

impl<'a> Step<'a> {
    /// Reports the start of a step.
    pub(crate) fn start(to: &'a dyn Progress, name: &str, unit: Unit, total: Option<u64>) -> Step<'a> {
        to.started(name, unit, total);
        Step { to, name: name.to_owned(), began: std::time::Instant::now() }
    }

    /// Reports its progress.
    pub(crate) fn at(&self, done: u64) {
        self.to.advanced(&self.name, done);
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.to.finished(&self.name, self.began.elapsed());
    }
}

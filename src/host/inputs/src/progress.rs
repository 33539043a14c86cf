//! How a long step reports its progress. Displaying it is the caller's task.

use std::time::Duration;

/// What the numbers of a step count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of a download.
    Bytes,
    /// Lines of a tool's log, files, packages: whatever the step is made of.
    Items,
}

/// Hears about steps. Steps do not nest; each has a name of its own while it runs.
pub trait Progress: Send + Sync + std::fmt::Debug {
    /// A step starts; `total` is its size if known.
    fn started(&self, step: &str, unit: Unit, total: Option<u64>);
    /// `done` of the step's units are done, counted from its start.
    fn advanced(&self, step: &str, done: u64);
    /// The step has ended, well or not.
    fn finished(&self, step: &str, took: Duration);
    /// These steps are ahead, beside shorter ones; each takes minutes. Told before the first of them starts, and not
    /// at all if there are none.
    fn planned(&self, steps: &[String]);
    /// Something that is to be known now, one line: why nothing moves, what is ahead.
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

/// One running step: tells its end when it is dropped.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    to: &'a dyn Progress,
    name: String,
    began: std::time::Instant,
}

impl<'a> Step<'a> {
    /// Tells the start of a step.
    pub(crate) fn start(to: &'a dyn Progress, name: &str, unit: Unit, total: Option<u64>) -> Step<'a> {
        to.started(name, unit, total);
        Step { to, name: name.to_owned(), began: std::time::Instant::now() }
    }

    /// Tells how far it is.
    pub(crate) fn at(&self, done: u64) {
        self.to.advanced(&self.name, done);
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.to.finished(&self.name, self.began.elapsed());
    }
}

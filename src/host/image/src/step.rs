//! A step of a build, for progress display.

use std::time::Instant;

use inputs::Workspace;
use inputs::progress::Unit;

/// A running step; its end is reported when it is dropped.
pub(crate) struct Step<'a> {
    workspace: &'a Workspace,
    name: &'static str,
    began: Instant,
}

impl<'a> Step<'a> {
    /// Reports the start of a step.
    pub(crate) fn start(workspace: &'a Workspace, name: &'static str) -> Step<'a> {
        workspace.progress().started(name, Unit::Items, None);
        Step { workspace, name, began: Instant::now() }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.workspace.progress().finished(self.name, self.began.elapsed());
    }
}

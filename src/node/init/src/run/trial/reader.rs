//! The child that reads both parts of the running slot completely before the generation is blessed.
//!
//! The root is read through dm-verity, which checks every block; a damaged one panics the kernel, which
//! uses up the try. It is a child, because reading some hundred MB blocks on the disk.

use std::os::fd::AsFd;
use std::path::PathBuf;

use sys::{Exit, Launch};

use super::super::{Runner, logs, noded};

/// How a child ends that could not be started.
const NOT_STARTED: Exit = Exit::Code(127);

/// The child, when it runs.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The device of the verified root.
    root: PathBuf,
    pid: Option<u32>,
}

impl Reader {
    /// A reader that does not run.
    pub(super) const fn of(root: PathBuf) -> Reader {
        Reader { root, pid: None }
    }
}

impl super::Trial {
    /// Returns whether the child with this number is the reader.
    pub(in super::super) fn is_reader(&self, pid: u32) -> bool {
        self.reader.pid == Some(pid)
    }
}

impl Runner<'_> {
    /// Starts the child.
    pub(super) fn start_reading(&mut self) {
        let started = self.try_reading();
        match self.said(started) {
            Some(pid) => {
                self.trial.reader.pid = Some(pid);
                self.trial.gate.reading();
            }
            None => self.trial.gate.was_read(NOT_STARTED, sys::boot_ms()),
        }
    }

    fn try_reading(&mut self) -> anyhow::Result<u32> {
        let kernel = self.trial.record.as_ref().map(|r| r.kernel().to_owned()).unwrap_or_default();
        let parts = [kernel, self.trial.reader.root.clone()].map(|p| p.to_string_lossy().into_owned());
        let [kernel, root] = parts;
        let command = [noded::PROGRAM.to_owned(), "read-slot".to_owned(), kernel, root];
        let output = self.logs.output(logs::INIT, &self.poll)?;
        let child = sys::spawn(&Launch {
            command: &command,
            environment: &[],
            uid: 0,
            gid: 0,
            cgroup: None,
            output: output.as_fd(),
            oom_score_adj: Some(0),
            open_files: None,
            timer_slack_ns: None,
            capabilities: &[],
        })?;
        let pid = child.pid;
        self.children.insert(pid, child);
        Ok(pid)
    }

    /// Takes the child's result; `failure` says why it could not start.
    pub(in super::super) fn on_read(&mut self, exit: Exit, failure: Option<String>) {
        self.trial.reader.pid = None;
        self.trial.gate.was_read(exit, sys::boot_ms());
        if exit != Exit::Code(0) {
            let how = failure.unwrap_or_else(|| exit.to_string());
            let text = format!("reading the running slot ended with {how}");
            self.base.voice.error(&text);
        }
    }
}

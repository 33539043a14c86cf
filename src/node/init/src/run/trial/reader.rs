//! The child that reads both parts of the running slot completely before the generation is blessed.
//!
//! The root is read through dm-verity, which checks every block; a damaged one panics the kernel, which
//! uses up the try. It is a child, because reading some hundred MB blocks on the disk.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use sys::{Child, Exit, Launch};

use super::super::noded;

/// The child, when it runs.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The device of the verified root.
    root: PathBuf,
    child: Option<Child>,
}

impl Reader {
    /// A reader that does not run.
    pub(super) const fn of(root: PathBuf) -> Reader {
        Reader { root, child: None }
    }

    /// Starts the child, with its output where `output` goes.
    pub(super) fn start(&mut self, kernel: &Path, output: BorrowedFd<'_>) -> anyhow::Result<()> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let command = [noded::PROGRAM.to_owned(), "read-slot".to_owned(), text(kernel), text(&self.root)];
        self.child = Some(sys::spawn(&Launch {
            command: &command,
            environment: &[],
            uid: 0,
            gid: 0,
            cgroup: None,
            output,
            oom_score_adj: Some(0),
            open_files: None,
            timer_slack_ns: None,
            capabilities: &[],
        })?);
        Ok(())
    }

    /// Takes the end of the child with this number; returns how it ended, for people, if it is this one.
    pub(super) fn ended(&mut self, pid: u32, exit: Exit) -> Option<String> {
        let child = self.child.take_if(|child| child.pid == pid)?;
        Some(child.failure().unwrap_or_else(|| exit.to_string()))
    }
}

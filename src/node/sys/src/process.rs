//! Signals to other processes, and how processes ended.
//!
//! Processes are identified by pid, not by pidfd: a pid is reused only after its parent has reaped it, and
//! the parent of all children is the caller, which forgets the pid in the same step.

use std::fmt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

use crate::error::{During, SysError};

/// Polling interval while waiting for a child that may not end.
const CHILD_LOOK: Duration = Duration::from_millis(5);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Sends a signal by its number.
///
/// # Errors
/// [`SysError`] naming the process, as when it does not exist.
pub fn kill(pid: u32, signal: i32) -> Result<(), SysError> {
    let bad = || SysError::value("signalling process", pid);
    let to = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(bad)?;
    // A number below 1 would address more than one process; `Pid` can't represent it.
    match Signal::from_named_raw(signal) {
        Some(signal) => rustix::process::kill_process(to, signal).during("signalling process", pid),
        None => kill_raw(to, signal).during("signalling process", pid),
    }
}

/// Sends a signal that has no name: a real-time signal.
fn kill_raw(to: Pid, signal: i32) -> std::io::Result<()> {
    // SAFETY: plain numbers.
    let rc = unsafe { libc::kill(to.as_raw_pid(), signal) };
    if rc < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// Kills every process of the machine but the caller, which must be PID 1.
///
/// # Errors
/// [`SysError`] if the caller is not PID 1; nothing is killed then. If no other process exists, it is not an
/// error.
pub fn kill_everything() -> Result<(), SysError> {
    if rustix::process::getpid() != Pid::INIT {
        return Err(SysError::value("killing everything as process", rustix::process::getpid()));
    }
    // SAFETY: plain numbers; from PID 1, -1 addresses every process but PID 1.
    let rc = unsafe { libc::kill(-1, libc::SIGKILL) };
    let error = std::io::Error::last_os_error();
    if rc < 0 && error.raw_os_error() != Some(libc::ESRCH) {
        return Err(error).during("killing", "everything");
    }
    Ok(())
}

/// Reaps a child that has ended, whichever it is; `None` if none has.
#[must_use]
pub fn reap() -> Option<(u32, Exit)> {
    loop {
        let (pid, status) = match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(ended) => ended?,
            Err(rustix::io::Errno::INTR) => continue,
            // There are no children at all.
            Err(_) => return None,
        };
        let exit = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            // Stopped and continued children are not waited for.
            (None, None) => continue,
        };
        return Some((u32::try_from(pid.as_raw_nonzero().get()).ok()?, exit));
    }
}

/// Runs `work` in a forked copy of this process and waits for it; returns how the copy ended: exit code 0 if
/// `work` returned true, 1 if false. Its changes to memory, or a panic, do not affect this process.
///
/// # Errors
/// [`SysError`] if the process can't be forked or waited for.
pub fn run_in_child(work: impl FnOnce() -> bool) -> Result<Exit, SysError> {
    let child = fork(work)?;
    loop {
        if let Some(exit) = wait_for(child, WaitOptions::empty())? {
            return Ok(exit);
        }
    }
}

/// Like [`run_in_child`], but waits no longer than `limit`; returns `None` if the copy has not ended by then.
/// It is sent SIGKILL and not waited for, since it may be blocked by a failing disk.
///
/// # Errors
/// [`SysError`] if the process can't be forked or waited for.
pub fn run_in_child_within(limit: Duration, work: impl FnOnce() -> bool) -> Result<Option<Exit>, SysError> {
    let child = fork(work)?;
    let end = Instant::now() + limit;
    loop {
        let ended = wait_for(child, WaitOptions::NOHANG)?;
        if ended.is_some() || Instant::now() >= end {
            if ended.is_none() {
                // It may have just ended by itself.
                let _ = rustix::process::kill_process(child, Signal::KILL);
            }
            return Ok(ended);
        }
        std::thread::sleep(CHILD_LOOK);
    }
}

/// A copy of this process that runs something.
#[derive(Debug)]
pub struct Copy {
    child: Pid,
}

impl Copy {
    /// Starts a copy that runs `work` and ends: exit code 0 when `work` returned true, 1 when false.
    ///
    /// # Errors
    /// [`SysError`] if the process can't be forked.
    pub fn start(work: impl FnOnce() -> bool) -> Result<Copy, SysError> {
        fork(work).map(|child| Copy { child })
    }

    /// Returns how it ended; `None` if it has not. To be asked no more once it has.
    ///
    /// # Errors
    /// [`SysError`] if it can't be waited for.
    pub fn ended(&self) -> Result<Option<Exit>, SysError> {
        wait_for(self.child, WaitOptions::NOHANG)
    }

    /// Kills it. One that waits for a disk ends when that answers.
    ///
    /// # Errors
    /// [`SysError`] if there is no such process.
    pub fn kill(&self) -> Result<(), SysError> {
        rustix::process::kill_process(self.child, Signal::KILL).during("killing child", self.child)
    }
}

/// Forks a copy of this process that runs `work` and exits.
fn fork(work: impl FnOnce() -> bool) -> Result<Pid, SysError> {
    // SAFETY: this crate requires that the caller is single-threaded, so no lock in the child's copy is held;
    // the child exits with `_exit`, which runs nothing of the parent's.
    let pid = unsafe { libc::fork() };
    match Pid::from_raw(pid) {
        Some(child) if pid > 0 => Ok(child),
        Some(_) => Err(SysError::last("forking", "a child")),
        None => {
            let code = i32::from(!work());
            // SAFETY: ends this process only.
            unsafe { libc::_exit(code) }
        }
    }
}

/// Returns how a child ended; `None` if it has not, or the wait was interrupted.
fn wait_for(child: Pid, options: WaitOptions) -> Result<Option<Exit>, SysError> {
    match rustix::process::waitpid(Some(child), options) {
        Err(rustix::io::Errno::INTR) | Ok(None) => Ok(None),
        Err(e) => Err(e).during("waiting for child", child),
        Ok(Some((_, status))) => {
            let code = status.exit_status().map(Exit::Code);
            let signal = status.terminating_signal().map(Exit::Signal);
            Ok(Some(code.or(signal).unwrap_or(Exit::Code(1))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_answers_by_exit_code() {
        assert_eq!(run_in_child(|| true).unwrap(), Exit::Code(0));
        assert_eq!(run_in_child(|| false).unwrap(), Exit::Code(1));
    }

    #[test]
    fn a_child_that_does_not_end_is_left_behind() {
        let limit = Duration::from_secs(60);
        assert_eq!(run_in_child_within(limit, || true).unwrap(), Some(Exit::Code(0)));
        let endless = || loop {
            std::thread::sleep(limit);
        };
        assert_eq!(run_in_child_within(Duration::ZERO, endless).unwrap(), None);
    }

    #[test]
    fn number_zero_is_no_process() {
        assert!(matches!(kill(0, 15), Err(SysError::Value { .. })));
    }

    #[test]
    fn only_pid_1_may_kill_everything() {
        assert!(matches!(kill_everything(), Err(SysError::Value { .. })));
    }
}

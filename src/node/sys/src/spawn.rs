//! Starts a program in a cgroup, as a user, without inheriting anything.
//!
//! `clone3` with `CLONE_INTO_CGROUP` puts the child into its cgroup before its first instruction, so it can't
//! fork anything outside of it; the standard library's `Command` does not support that. The child only makes
//! system calls on memory that the parent prepared, and reports the step that failed over a pipe, which a
//! successful exec closes.

use std::ffi::{CString, c_char, c_long};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use crate::child::{Prepared, become_program, step_name};
use crate::error::{During, SysError};
use crate::socket::pipe;

/// `CLONE_INTO_CGROUP`.
const INTO_CGROUP: u64 = 0x2_0000_0000;

/// The program to start, and its settings.
#[derive(Debug)]
pub struct Launch<'a> {
    /// Absolute path of the program, then its arguments.
    pub command: &'a [String],
    /// The complete environment, as `NAME=value`.
    pub environment: &'a [String],
    /// User id.
    pub uid: u32,
    /// Group id; there are no supplementary groups.
    pub gid: u32,
    /// Cgroup directory; with `None` the child stays in the caller's.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// Descriptor for standard output and error; standard input is `/dev/null`.
    pub output: BorrowedFd<'a>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
    /// `RLIMIT_NOFILE`, soft and hard.
    pub open_files: Option<u64>,
    /// How late the kernel may wake it from a timed sleep, in nanoseconds; inherited by its children.
    pub timer_slack_ns: Option<u64>,
    /// Numbers of the capabilities that are kept if `uid` is not 0.
    pub capabilities: &'a [u32],
}

/// A started child.
#[derive(Debug)]
pub struct Child {
    /// Its process number.
    pub pid: u32,
    report: File,
}

impl Child {
    /// Returns why the program could not be started, once the child has ended; `None` if it was started.
    #[must_use]
    pub fn failure(mut self) -> Option<String> {
        let mut report = [0; 8];
        let n = self.report.read(&mut report).unwrap_or(0);
        if n != report.len() {
            return None;
        }
        let (step, errno) = report.split_at(4);
        let number = |b: &[u8]| b.try_into().map_or(0, i32::from_ne_bytes);
        let reason = std::io::Error::from_raw_os_error(number(errno));
        Some(format!("{}: {reason}", step_name(number(step))))
    }
}

/// Starts a program. When this returns, the child is running or about to fail; [`Child::failure`] tells
/// later, so that a slow disk under the program never blocks the caller.
///
/// # Errors
/// [`SysError`] if the child can't be created, or a text contains a zero byte. Nothing is started then.
pub fn spawn(launch: &Launch<'_>) -> Result<Child, SysError> {
    let (report, writer) = pipe()?;
    let prepared = prepare(launch, writer)?;
    // SAFETY: all-zero bytes are valid `clone_args`.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    if let Some(cgroup) = launch.cgroup {
        args.flags = INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    }
    // SAFETY: without CLONE_VM the child has its own memory; it continues from here on a copy of this stack
    // and only calls `become_program`, which never returns and neither allocates nor locks.
    let pid: c_long =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match pid {
        0 => become_program(&prepared),
        _ => {
            let pid = u32::try_from(pid).map_err(|_| SysError::last("starting", program_name(launch)))?;
            Ok(Child { pid, report })
        }
    }
}

fn program_name<'a>(launch: &Launch<'a>) -> &'a str {
    launch.command.first().map_or("nothing", String::as_str)
}

/// Prepares everything that the child needs.
fn prepare(launch: &Launch<'_>, report: OwnedFd) -> Result<Prepared, SysError> {
    let program = program_name(launch);
    let bad = || SysError::value("starting", program);
    let texts = |list: &[String]| -> Result<Vec<CString>, SysError> {
        list.iter().map(|t| CString::new(t.as_str()).map_err(|_| bad())).collect()
    };
    let mut owned = texts(launch.command)?;
    let environment = texts(launch.environment)?;
    let pointers = |list: &[CString]| -> Vec<*const c_char> {
        list.iter().map(|t| t.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment_pointers) = (pointers(&owned), pointers(&environment));
    owned.extend(environment);
    let null = File::options().read(true).write(true).open("/dev/null").during("opening", "/dev/null")?;
    Ok(Prepared {
        program: CString::new(program).map_err(|_| bad())?,
        arguments,
        environment: environment_pointers,
        null,
        output: launch.output.as_raw_fd(),
        oom: launch.oom_score_adj.map(|a| a.to_string()),
        open_files: launch.open_files.map(|n| libc::rlimit { rlim_cur: n, rlim_max: n }),
        timer_slack_ns: launch.timer_slack_ns,
        uid: launch.uid,
        gid: launch.gid,
        capabilities: launch.capabilities.to_vec(),
        report,
        _texts: owned,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// Runs a shell command as the caller; returns how it ended, its output, and why it did not start.
    fn run(command: &[&str]) -> (crate::Exit, String, Option<String>) {
        let command: Vec<String> = command.iter().map(|s| (*s).to_owned()).collect();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let launch = Launch {
            command: &command,
            environment: &["A=b".to_owned()],
            uid,
            gid,
            cgroup: None,
            output: writer.as_fd(),
            oom_score_adj: Some(500),
            open_files: Some(33),
            timer_slack_ns: Some(70_000),
            capabilities: &[],
        };
        let child = spawn(&launch).unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.pid).unwrap());
        let options = rustix::process::WaitOptions::empty();
        let (_, status) = rustix::process::waitpid(pid, options).unwrap().unwrap();
        (crate::Exit::Code(status.exit_status().unwrap()), text, child.failure())
    }

    #[test]
    fn program_gets_what_it_is_given_and_nothing_else() {
        let line = "echo $A; ulimit -n; cat /proc/self/oom_score_adj /proc/self/timerslack_ns; grep SigBlk /proc/self/status; exit 3";
        let (exit, text, failure) = run(&["/bin/sh", "-c", line]);
        assert_eq!((exit, failure), (crate::Exit::Code(3), None));
        assert_eq!(text, "b\n33\n500\n70000\nSigBlk:\t0000000000000000\n");
    }

    #[test]
    fn missing_program_says_which_step_failed() {
        let (exit, _, failure) = run(&["/no/such/program"]);
        assert_eq!(exit, crate::Exit::Code(127));
        assert_eq!(failure.unwrap(), "executing the program: No such file or directory (os error 2)");
    }
}

//! The child between clone and exec: system calls on memory that the parent prepared.
//!
//! Nothing here allocates, locks or panics. The first step that fails is reported with the kernel's error
//! number and ends the child.

use std::ffi::{CString, c_char, c_int, c_ulong};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

/// Exit code of a child that failed before exec; the report has the reason.
const NOT_STARTED: c_int = 127;
/// `_LINUX_CAPABILITY_VERSION_3`.
const CAPABILITY_VERSION: u32 = 0x2008_0522;
/// Upper limit of capability numbers.
const CAPABILITY_BITS: u32 = 64;

/// All data that the child uses, prepared by the parent.
pub(crate) struct Prepared {
    pub(crate) program: CString,
    pub(crate) arguments: Vec<*const c_char>,
    pub(crate) environment: Vec<*const c_char>,
    pub(crate) null: File,
    pub(crate) output: c_int,
    pub(crate) oom: Option<String>,
    pub(crate) open_files: Option<libc::rlimit>,
    pub(crate) timer_slack_ns: Option<u64>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) capabilities: Vec<u32>,
    pub(crate) report: OwnedFd,
    /// What `arguments` and `environment` point to.
    pub(crate) _texts: Vec<CString>,
}

/// The steps that can fail, by their number in the report.
#[derive(Clone, Copy)]
enum Step {
    Descriptors = 1,
    Session,
    OomScore,
    OpenFiles,
    TimerSlack,
    User,
    Capabilities,
    NoNewPrivileges,
    Exec,
}

/// Returns what a step does, by its number in the report.
pub(crate) fn step_name(number: i32) -> &'static str {
    const NAMES: [&str; 9] = [
        "setting up descriptors",
        "opening a session",
        "setting oom_score_adj",
        "limiting open files",
        "setting the timer slack",
        "becoming the user",
        "keeping capabilities",
        "giving up new privileges",
        "executing the program",
    ];
    let index = usize::try_from(i64::from(number) - 1).unwrap_or(usize::MAX);
    NAMES.get(index).copied().unwrap_or("starting")
}

/// Turns this process, a new child, into the program; reports the failure and exits if that fails.
pub(crate) fn become_program(p: &Prepared) -> ! {
    let step = try_become(p);
    // SAFETY: reads the thread's errno, which the failed step has set.
    let errno = unsafe { *libc::__errno_location() };
    let mut report = [0; 8];
    let (step_half, errno_half) = report.split_at_mut(4);
    step_half.copy_from_slice(&(step as i32).to_ne_bytes());
    errno_half.copy_from_slice(&errno.to_ne_bytes());
    // SAFETY: the bytes are on this stack. If the write fails, the exit code is the only report.
    unsafe {
        libc::write(p.report.as_raw_fd(), report.as_ptr().cast(), report.len());
        libc::_exit(NOT_STARTED)
    }
}

/// Performs the steps; returns the one that failed.
fn try_become(p: &Prepared) -> Step {
    reset_signals();
    if !set_descriptors(p) {
        return Step::Descriptors;
    }
    // SAFETY: plain calls without pointers.
    if unsafe { libc::setsid() } < 0 {
        return Step::Session;
    }
    // SAFETY: as above. The mask is set explicitly, so that the caller's is not inherited.
    unsafe { libc::umask(0o022) };
    if !set_oom_score(p) {
        return Step::OomScore;
    }
    if let Some(limit) = &p.open_files {
        // SAFETY: the limit lives until the call returns.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) } < 0 {
            return Step::OpenFiles;
        }
    }
    if p.timer_slack_ns.is_some_and(|ns| !prctl(libc::PR_SET_TIMERSLACK, ns, 0)) {
        return Step::TimerSlack;
    }
    if !set_user(p) {
        return Step::User;
    }
    if p.uid != 0 {
        if !p.capabilities.is_empty() && !set_capabilities(p) {
            return Step::Capabilities;
        }
        if !prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0) {
            return Step::NoNewPrivileges;
        }
    }
    // SAFETY: program, arguments and environment are zero-terminated, both lists end with a null, and
    // `Prepared` owns what they point to.
    unsafe { libc::execve(p.program.as_ptr(), p.arguments.as_ptr(), p.environment.as_ptr()) };
    Step::Exec
}

/// Resets every signal to its default action and unblocks it, since exec keeps both settings.
fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: installs no handler; the C library refuses the signals that it reserves for itself.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all-zero bytes are the empty set, which lives until the call returns.
    unsafe {
        let none: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Opens `/dev/null` and the output as descriptors 0, 1 and 2, and changes to `/`.
fn set_descriptors(p: &Prepared) -> bool {
    // SAFETY: plain numbers and a static path.
    unsafe {
        libc::dup2(p.null.as_raw_fd(), 0) == 0
            && libc::dup2(p.output, 1) == 1
            && libc::dup2(p.output, 2) == 2
            && libc::chdir(c"/".as_ptr()) == 0
    }
}

fn set_oom_score(p: &Prepared) -> bool {
    let Some(text) = &p.oom else { return true };
    // SAFETY: a static path; the text is owned by `Prepared` and its length is its own.
    unsafe {
        let fd = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        fd >= 0 && libc::write(fd, text.as_ptr().cast(), text.len()) >= 0 && libc::close(fd) == 0
    }
}

/// Sets user and groups. If the caller has no privileges, as in tests, it may keep its own.
fn set_user(p: &Prepared) -> bool {
    if !p.capabilities.is_empty() && !prctl(libc::PR_SET_KEEPCAPS, 1, 0) {
        return false;
    }
    // Raw system calls: the C library's functions would also change all other threads, and the child has
    // none.
    // SAFETY: plain numbers; the null list has length 0.
    unsafe {
        let privileged = libc::geteuid() == 0;
        (!privileged || libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()) == 0)
            && libc::syscall(libc::SYS_setresgid, p.gid, p.gid, p.gid) == 0
            && libc::syscall(libc::SYS_setresuid, p.uid, p.uid, p.uid) == 0
    }
}

/// Drops all capabilities except the listed ones, and makes these ambient, so that they survive exec.
fn set_capabilities(p: &Prepared) -> bool {
    let mut bits = [0u32; 2];
    for c in p.capabilities.iter().filter(|c| **c < CAPABILITY_BITS) {
        if let Some(word) = bits.get_mut((c / 32) as usize) {
            *word |= 1 << (c % 32);
        }
    }
    let header = [CAPABILITY_VERSION, 0];
    // Effective, permitted, inheritable; low words, then high words.
    let sets = [bits[0], bits[0], bits[0], bits[1], bits[1], bits[1]];
    // SAFETY: version 3 reads two words of header and six of sets, all alive.
    if unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) } < 0 {
        return false;
    }
    let raise = libc::PR_CAP_AMBIENT_RAISE;
    p.capabilities
        .iter()
        .all(|c| prctl(libc::PR_CAP_AMBIENT, c_ulong::from(raise.unsigned_abs()), (*c).into()))
}

fn prctl(option: c_int, a: c_ulong, b: c_ulong) -> bool {
    let zero: c_ulong = 0;
    // SAFETY: the options used here take plain numbers.
    unsafe { libc::prctl(option, a, b, zero, zero) >= 0 }
}

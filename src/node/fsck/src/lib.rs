//! Runs `e2fsck` on a node's file systems, with a bound on its time and on what is kept of its output: `init` before it
//! mounts them, `noded` when an operator orders it.
//!
//! The program is started through the dynamic loader of the root that it is on, so that it runs in the initrd too, where
//! that root is not `/` yet. Which file system has to be checked, and what follows from the result, is the caller's
//! matter. The exit codes are those of e2fsck(8), 1.47.
#![forbid(unsafe_code)]

mod lines;
mod run;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use lines::Lines;

/// The dynamic loader, libraries and program below the root.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LOADER: &str = "ld-linux-x86-64.so.2";
const PROGRAM: &str = "usr/sbin/e2fsck";

/// What the program may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Repair what needs no decision, if the superblock says that there is something.
    Safe,
    /// Repair what needs no decision, whatever the superblock says.
    SafeForced,
    /// The same, beginning with the backup of the superblock in this block.
    FromBackup {
        /// Number of the block.
        block: u64,
        /// Its size in bytes.
        block_bytes: u64,
    },
    /// Only look: nothing is written.
    Look,
    /// Repair everything, whatever is lost by that.
    Everything,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The file system is whole, and was.
    Whole,
    /// The file system is whole now.
    Repaired,
    /// There is damage, and it is still there.
    Damaged,
    /// The program could not do its work: there is no file system that it knows, or the device fails. Its last line says
    /// which.
    Failed(ExitStatus),
    /// It was stopped at its limit. What it had repaired is repaired; running it again continues.
    TooLong,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What the program said, without empty lines: the first lines and the last, each shortened.
    pub lines: Vec<String>,
}

impl Outcome {
    /// Returns whether the file system is whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.end, End::Whole | End::Repaired)
    }

    /// Returns how it ended, as a part of a sentence whose subject is the program.
    #[must_use]
    pub fn told(&self) -> String {
        match self.end {
            End::Whole => "found nothing wrong".to_owned(),
            End::Repaired => "repaired it".to_owned(),
            End::Damaged => "found damage that it did not repair".to_owned(),
            End::Failed(status) => format!("failed ({status})"),
            End::TooLong => "was stopped, as it took too long".to_owned(),
        }
    }
}

/// The program could not be run.
#[derive(Debug, thiserror::Error)]
#[error("running {}: {source}", program.display())]
pub struct Error {
    /// What was to be run.
    pub program: PathBuf,
    /// The cause.
    pub source: std::io::Error,
}

/// Runs the program of the root at `root` on `device`, for `limit` at most: it is asked to stop then, and killed if it
/// does not. Blocks meanwhile.
///
/// # Errors
/// [`Error`] if it can't be started or waited for.
pub fn check(root: &Path, device: &Path, mode: Mode, limit: Duration) -> Result<Outcome, Error> {
    let program = root.join(LIBRARIES).join(LOADER);
    let mut kept = Lines::default();
    let ended = run::run((&program, &arguments(root, device, mode)), limit, &mut kept)
        .map_err(|source| Error { program: root.join(PROGRAM), source })?;
    let end = ended.map_or(End::TooLong, end);
    Ok(Outcome { end, lines: kept.finish() })
}

/// Returns whether the root at `root` has the program.
#[must_use]
pub fn is_there(root: &Path) -> bool {
    root.join(LIBRARIES).join(LOADER).exists() && root.join(PROGRAM).exists()
}

/// Says what an exit code means.
fn end(status: ExitStatus) -> End {
    // 0 nothing to do, 1 repaired, 2 repaired and to be mounted anew, 4 left unrepaired; 8 and above are no words on the
    // file system.
    match status.code() {
        Some(0) => End::Whole,
        Some(1..=3) => End::Repaired,
        Some(4..8) => End::Damaged,
        _ => End::Failed(status),
    }
}

/// Returns the arguments of the loader.
fn arguments(root: &Path, device: &Path, mode: Mode) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        vec!["--library-path".into(), root.join(LIBRARIES).into(), root.join(PROGRAM).into()];
    match mode {
        Mode::Safe => words.push("-p".into()),
        Mode::SafeForced => words.push("-fp".into()),
        Mode::FromBackup { block, block_bytes } => {
            words.extend(["-fp".into(), "-b".into(), block.to_string().into()]);
            words.extend(["-B".into(), block_bytes.to_string().into()]);
        }
        Mode::Look => words.push("-fn".into()),
        Mode::Everything => words.push("-fy".into()),
    }
    words.push(device.into());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn exit_codes_have_their_meaning() {
        let of = |code: i32| end(ExitStatus::from_raw(code << 8));
        assert_eq!([of(0), of(1), of(2), of(3)], [End::Whole, End::Repaired, End::Repaired, End::Repaired]);
        assert_eq!([of(4), of(5), of(7)], [End::Damaged; 3]);
        let failed = ExitStatus::from_raw(8 << 8);
        assert_eq!(end(failed), End::Failed(failed));
        let killed = ExitStatus::from_raw(9);
        assert_eq!(end(killed), End::Failed(killed));
    }

    #[test]
    fn only_an_explicit_order_repairs_everything() {
        let words = |mode| {
            let words = arguments(Path::new("/r"), Path::new("/dev/x"), mode);
            words.iter().skip(3).map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(Mode::Safe), "-p /dev/x");
        assert_eq!(words(Mode::SafeForced), "-fp /dev/x");
        assert_eq!(words(Mode::FromBackup { block: 8, block_bytes: 4096 }), "-fp -b 8 -B 4096 /dev/x");
        assert_eq!(words(Mode::Look), "-fn /dev/x");
        assert_eq!(words(Mode::Everything), "-fy /dev/x");
    }

    #[test]
    fn a_root_without_the_program_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert!(!is_there(root.path()));
        let error = check(root.path(), Path::new("/nowhere"), Mode::Look, Duration::MAX).unwrap_err();
        assert!(error.to_string().contains("usr/sbin/e2fsck: No such file"), "{error}");
    }
}

//! Finds and runs the foreign tools and files that tests need, and reports missing ones.
//!
//! libtest hides the output of a test that passes, so nobody would notice a skip. It is therefore written
//! directly to standard error, and is a failure if `CI` is set.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Directories that only root's `PATH` contains.
const MORE: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A foreign tool that checks our results.
#[derive(Clone, Debug)]
pub struct Judge {
    path: PathBuf,
}

/// Returns the tool `name`; reports and returns `None` if it is not installed.
///
/// # Panics
/// If it is missing and `CI` is set.
#[must_use]
pub fn find(name: &str) -> Option<Judge> {
    let found = search(name);
    if found.is_none() {
        missing(name);
    }
    found.map(|path| Judge { path })
}

/// Returns whether all of `needed` exist: tools by name, files by absolute path. Reports missing ones.
///
/// # Panics
/// If one is missing and `CI` is set.
#[must_use]
pub fn present(needed: &[&str]) -> bool {
    let absent: Vec<_> = needed.iter().filter(|n| search(n).is_none()).copied().collect();
    if !absent.is_empty() {
        missing(&absent.join(", "));
    }
    absent.is_empty()
}

/// Reports that a test is skipped because `what` is missing.
///
/// # Panics
/// If `CI` is set.
pub fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what} missing, and CI is set (make deps-test)");
    // Not with eprintln, which libtest captures. If it can't be written, that is no reason to fail.
    let _ = writeln!(io::stderr(), "SKIPPED: {what} missing (make deps-test)");
}

/// Returns the path of a tool or file.
fn search(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = MORE.map(PathBuf::from);
    // An absolute name replaces the directory that it is joined to.
    std::env::split_paths(&path).chain(more).map(|dir| dir.join(name)).find(|p| p.is_file())
}

impl Judge {
    /// Returns the path of the tool.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a command for the tool, with messages in English.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env("LC_ALL", "C");
        command
    }

    /// Runs the tool; returns whether it succeeded, and its output.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn ask<S: AsRef<OsStr>>(&self, arguments: &[S]) -> (bool, String) {
        self.answer(self.command().args(arguments))
    }

    /// Like [`Judge::ask`], with `dir` as working directory.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn ask_in<S: AsRef<OsStr>>(&self, dir: &Path, arguments: &[S]) -> (bool, String) {
        self.answer(self.command().current_dir(dir).args(arguments))
    }

    /// Runs the tool, which must succeed; returns its output.
    ///
    /// # Panics
    /// If it fails or can't be started.
    #[track_caller]
    pub fn agrees<S: AsRef<OsStr> + std::fmt::Debug>(&self, arguments: &[S]) -> String {
        let (content, said) = self.ask(arguments);
        assert!(content, "{} {arguments:?}:\n{said}", self.path.display());
        said
    }

    /// Runs a command of this tool; returns whether it succeeded, and its output.
    fn answer(&self, command: &mut Command) -> (bool, String) {
        let Output { status, stdout, stderr } = match command.output() {
            Ok(output) => output,
            Err(e) => panic!("running {}: {e}", self.path.display()),
        };
        (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_by_name_and_files_by_path() {
        assert!(present(&["sh", "/etc/passwd"]));
        assert_eq!(search("no-such-tool"), None);
        assert_eq!(search("/no/such/file"), None);
        assert_eq!(find("sh").unwrap().ask(&["-c", "echo a; echo b >&2; exit 1"]), (false, "a\nb\n".into()));
    }

    #[test]
    fn a_skip_is_seen_though_the_test_passes_and_fails_in_ci() {
        let me = std::env::current_exe().unwrap();
        let run = |ci: Option<&str>| {
            let mut command = Command::new(&me);
            command
                .args(["--exact", "tests::skips", "--ignored"])
                .env_remove("CI")
                .envs(ci.map(|v| ("CI", v)));
            command.output().unwrap()
        };
        let skipped = run(None);
        assert!(skipped.status.success());
        let said = String::from_utf8_lossy(&skipped.stderr).into_owned();
        assert!(said.contains("SKIPPED: no-such-tool missing"), "{said}");
        assert!(!run(Some("true")).status.success());
    }

    #[test]
    #[ignore = "run by the test above"]
    fn skips() {
        assert!(find("no-such-tool").is_none());
    }
}

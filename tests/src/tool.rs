//! Runs the tools that check results; keeps their output and reports failures completely.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Returns the root of the source tree.
#[must_use]
pub fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Returns the `ironhull` program: `$IRONHULL_PROGRAM`, or the release build.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn ironhull() -> PathBuf {
    let built = source_root().join("target/x86_64-unknown-linux-gnu/release/ironhull");
    let path = std::env::var_os("IRONHULL_PROGRAM").map_or(built, PathBuf::from);
    assert!(path.exists(), "{} is missing: run `make image` first", path.display());
    path
}

/// Runs a program and returns its standard output.
///
/// # Panics
/// If it can't be started or fails, with its command line, status and output.
pub fn run<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: &[S]) -> String {
    let mut command = Command::new(program);
    command.args(args);
    let output = output(&mut command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command, whatever its exit status.
///
/// # Panics
/// If it can't be started.
pub fn output(command: &mut Command) -> Output {
    command.stdin(std::process::Stdio::null());
    match command.output() {
        Ok(output) => output,
        Err(e) => panic!("running {command:?}: {e}"),
    }
}

//! The failure of a tool: its command line, its exit status and the end of its output.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A tool that failed.
#[derive(Debug)]
pub struct Failure {
    /// The command line, quoted for a shell.
    pub command: String,
    /// Its exit status; `None` if it could not be started.
    pub status: Option<ExitStatus>,
    /// The last lines of its output, or why it could not be started.
    pub tail: Vec<String>,
    /// The file with its complete output.
    pub log: Option<PathBuf>,
    /// The Debian package that contains it, if it could not be started and the package is known.
    pub package: Option<&'static str>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "running `{}`: ", self.command)?;
        match self.status {
            // "exit status: 2" or "signal: 9 (SIGKILL)".
            Some(status) => write!(f, "{status}")?,
            None => write!(f, "could not be started")?,
        }
        for line in &self.tail {
            write!(f, "\n  {line}")?;
        }
        if let Some(log) = &self.log {
            write!(f, "\nfull log: {}", log.display())?;
        }
        if let Some(package) = self.package {
            write!(f, "\nhint: run `apt-get install {package}`")?;
        }
        if self.tail.iter().any(|l| l.to_lowercase().contains("no space left on device")) {
            write!(f, "\nhint: {}", where_to_find_space(&self.tail, &std::env::temp_dir()))?;
        }
        Ok(())
    }
}

/// Returns the remedy for a full disk: the one for temporary files if the tool's output names one of them,
/// otherwise the cache's.
fn where_to_find_space(tail: &[String], temporary: &Path) -> String {
    let temporary = temporary.display().to_string();
    match tail.iter().any(|line| line.contains(&temporary)) {
        true => format!("free some space in {temporary}, or set TMPDIR to a directory on a larger disk"),
        false => {
            "free some space, run `ironhull cache prune`, or set IRONHULL_CACHE to a larger disk".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_the_caches_or_that_of_temporary_files() {
        let hint = |line: &str| where_to_find_space(&[line.to_owned()], Path::new("/big/tmp"));
        let expected = "free some space in /big/tmp, or set TMPDIR to a directory on a larger disk";
        assert_eq!(hint("mkdir /big/tmp/go-build1: no space left on device"), expected);
        assert!(hint("write /cache/x: no space left on device").contains("IRONHULL_CACHE"));
    }
}

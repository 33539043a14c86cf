//! A tool that failed, told whole.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;

/// A tool that failed.
#[derive(Debug)]
pub struct Failure {
    /// The command line, as a shell would take it.
    pub command: String,
    /// How it ended; `None` if it could not be started.
    pub status: Option<ExitStatus>,
    /// Last lines of its output, or why it could not be started.
    pub tail: Vec<String>,
    /// Where all of its output is.
    pub log: Option<PathBuf>,
    /// The Debian package that has it, where it could not be started and one is known.
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
            write!(
                f,
                "\nhint: free some space, run `ironhull cache prune`, or set IRONHULL_CACHE to a larger disk"
            )?;
        }
        Ok(())
    }
}

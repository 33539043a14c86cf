//! Runs the tools of a build: output goes to a log file, failures are reported with command line and log.
//!
//! The environment contains only what the caller passes: a build must not depend on the user's shell.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::progress::Step;
use crate::tools;

/// Number of log lines that an error shows.
const TAIL_LINES: usize = 15;

/// Variables of the host that every tool gets: where programs are, and how to reach the network.
const PASSED: &[&str] = &[
    "PATH",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Returns further proxy variables for a tool: Go does not read `all_proxy`.
fn more_proxies(variable: impl Fn(&str) -> Option<OsString>) -> Vec<(&'static str, OsString)> {
    let set = |name: &&str| variable(name).filter(|v| !v.is_empty());
    let Some(all) = ["all_proxy", "ALL_PROXY"].iter().find_map(set) else { return Vec::new() };
    let schemes = [["http_proxy", "HTTP_PROXY"], ["https_proxy", "HTTPS_PROXY"]];
    let without = schemes.iter().filter(|names| !names.iter().any(|n| set(n).is_some()));
    without.map(|[name, _]| (*name, all.clone())).collect()
}

/// Returns the host's directory for temporary files; `None` for `/tmp`.
pub(crate) fn temporary_directory() -> Option<PathBuf> {
    std::env::var_os("TMPDIR").filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// A command to run, in an environment of its own.
#[derive(Debug)]
pub(crate) struct Tool {
    command: Command,
}

impl Tool {
    /// Begins a command line; locale and time zone are fixed.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Tool {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null());
        for name in PASSED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(more_proxies(|name| std::env::var_os(name)));
        // Tools run in other directories than this process, so the path must be absolute.
        if let Some(dir) = temporary_directory() {
            command.env("TMPDIR", std::path::absolute(&dir).unwrap_or(dir));
        }
        command.env("LC_ALL", "C").env("TZ", "UTC");
        Tool { command }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Tool {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Tool {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Tool {
        self.command.env(name, value);
        self
    }

    /// Passes on a variable of the host if it is set.
    pub(crate) fn pass(mut self, name: &str) -> Tool {
        if let Some(value) = std::env::var_os(name) {
            self.command.env(name, value);
        }
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Tool {
        self.command.current_dir(dir);
        self
    }

    /// Returns the command line, quoted for a shell.
    pub(crate) fn line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(|w| quote(&w.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    /// Runs it and returns its standard output.
    pub(crate) fn output(mut self) -> Result<String> {
        let out = match self.command.output() {
            Ok(out) => out,
            Err(e) => return Err(self.failed(None, vec![e.to_string()], None)),
        };
        if !out.status.success() {
            let text = String::from_utf8_lossy(&out.stderr).into_owned();
            return Err(self.failed(Some(out.status), tail(&text), None));
        }
        String::from_utf8(out.stdout)
            .map_err(|e| Error::Output { command: self.line(), message: e.to_string() })
    }

    /// Runs it with all output going to `log`; each line advances the step, which has reached `lines`.
    /// Returns how far the step is afterwards.
    pub(crate) fn logged(mut self, log: &Path, (step, mut lines): (&Step<'_>, u64)) -> Result<u64> {
        let mut file =
            File::options().create(true).append(true).open(log).map_err(Error::io("opening", log))?;
        writeln!(file, "$ {}", self.line()).map_err(Error::io("writing", log))?;
        let (reader, writer) = std::io::pipe().map_err(Error::io("opening a pipe for", log))?;
        let stderr = writer.try_clone().map_err(Error::io("opening a pipe for", log))?;
        self.command.stdout(writer).stderr(stderr);
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(e) => return Err(self.failed(None, vec![e.to_string()], None)),
        };
        // The command holds the write ends of the pipe; unless they are dropped, reading never ends.
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(Error::io("reading the output for", log))? > 0 {
            file.write_all(&line).map_err(Error::io("writing", log))?;
            line.clear();
            lines += 1;
            step.at(lines);
        }
        let status = child.wait().map_err(Error::io("waiting for the tool of", log))?;
        if status.success() {
            return Ok(lines);
        }
        let text = fs::read(log).map_err(Error::io("reading", log))?;
        Err(self.failed(Some(status), tail(&String::from_utf8_lossy(&text)), Some(log)))
    }

    fn failed(&self, status: Option<ExitStatus>, tail: Vec<String>, log: Option<&Path>) -> Error {
        let log = log.map(Path::to_owned);
        let command = self.line();
        let package = if status.is_none() { tools::package_of(&command) } else { None };
        Error::Tool(Box::new(Failure { command, status, tail, log, package }))
    }
}

/// Returns the last lines of a text.
fn tail(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|l| (*l).to_owned()).collect()
}

/// Quotes a word for a shell if necessary.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{Silent, Unit};

    #[test]
    fn a_proxy_for_all_is_told_to_tools_that_know_no_such_thing() {
        let given = |variables: &[(&str, &str)]| {
            let of = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
            let told = more_proxies(of).into_iter().map(|(n, v)| format!("{n}={}", v.display()));
            told.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(given(&[("ALL_PROXY", "http://a:1")]), "http_proxy=http://a:1 https_proxy=http://a:1");
        let some = [("all_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:1"), ("http_proxy", "")];
        assert_eq!(given(&some), "http_proxy=http://a:1");
        assert_eq!(given(&[("http_proxy", "http://a:1")]), "");
    }

    #[test]
    fn tells_command_status_and_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let step = Step::start(&Silent, "x", Unit::Items, None);
        let tool = Tool::new("sh").args(["-c", "seq 100; echo bad thing >&2; exit 3"]);
        let text = tool.logged(&log, (&step, 0)).unwrap_err().to_string();
        assert!(text.starts_with("running `sh -c 'seq 100; echo bad thing >&2; exit 3'`: exit status: 3\n"));
        assert!(text.contains("\n  100\n  bad thing\nfull log: "), "{text}");
        assert!(!text.contains("\n  50\n"));
        assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 102);
    }

    #[test]
    fn tells_signals_and_missing_programs() {
        let killed = Tool::new("sh").args(["-c", "kill -9 $$"]).output().unwrap_err().to_string();
        assert!(killed.contains("signal: 9"), "{killed}");
        let missing = Tool::new("/nowhere/tool").output().unwrap_err().to_string();
        assert!(missing.starts_with("running `/nowhere/tool`: could not be started\n"), "{missing}");
    }

    #[test]
    fn the_environment_is_clean() {
        let env = Tool::new("env").env("MINE", "1").output().unwrap();
        assert!(env.contains("MINE=1\n") && env.contains("LC_ALL=C\n"));
        assert!(!env.contains("CARGO_"), "{env}");
    }

    #[test]
    fn quotes_for_a_shell() {
        for (word, quoted) in [("a-b=c", "a-b=c"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")] {
            assert_eq!(quote(word), quoted);
        }
    }
}

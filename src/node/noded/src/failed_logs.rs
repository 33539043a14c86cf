//! The logs of a generation that failed its trial, written by `init`, one file per service.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use control::LogLine;

/// Returns the last `count` lines of a service's log; `None` if there is no such log.
///
/// # Errors
/// If the log exists and can't be read.
pub fn load(root: &Path, generation: u32, service: &str, count: usize) -> Result<Option<Vec<LogLine>>> {
    // Only names that `init` accepts for services are used as file names.
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if service.is_empty() || !service.chars().all(plain) {
        return Ok(None);
    }
    let path = directory(root, generation).join(format!("{service}.log"));
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("opening {}", path.display())),
    };
    let mut last = VecDeque::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.with_context(|| format!("reading {}", path.display()))?;
        if last.len() >= count {
            last.pop_front();
        }
        last.push_back(parse(&String::from_utf8_lossy(&line)));
    }
    last.truncate(count);
    Ok(Some(last.into()))
}

/// Returns the names of the existing logs.
pub fn list(root: &Path, generation: u32) -> Vec<String> {
    let entries = fs::read_dir(directory(root, generation)).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|e| Some(e.file_name().to_str()?.strip_suffix(".log")?.to_owned())).collect();
    names.sort();
    names
}

fn directory(root: &Path, generation: u32) -> PathBuf {
    root.join("state/failed").join(generation.to_string())
}

/// Parses `     1.234 text`; a line of another form has no time.
fn parse(line: &str) -> LogLine {
    let parsed = || {
        let (stamp, text) = line.trim_start().split_once(' ')?;
        let (secs, millis) = stamp.split_once('.')?;
        let at_ms = secs.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(millis.parse().ok()?)?;
        Some(LogLine { at_ms, text: text.to_owned() })
    };
    parsed().unwrap_or_else(|| LogLine { at_ms: 0, text: line.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_come_back_as_they_were_said() {
        let root = tempfile::tempdir().unwrap();
        let directory = directory(root.path(), 3);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("etcd.log"), "     1.002 one\n    61.000 two  words\ntorn\n").unwrap();
        let line = |at_ms, text: &str| LogLine { at_ms, text: text.to_owned() };
        let lines = |count| load(root.path(), 3, "etcd", count).unwrap().unwrap();
        assert_eq!(lines(9), [line(1002, "one"), line(61_000, "two  words"), line(0, "torn")]);
        assert_eq!(lines(1), [line(0, "torn")]);
        assert_eq!(lines(0), []);
        assert_eq!(list(root.path(), 3), ["etcd"]);
    }

    #[test]
    fn what_is_not_there_is_not_invented() {
        let root = tempfile::tempdir().unwrap();
        for name in ["etcd", "../../etc/passwd", "", "a/b"] {
            assert_eq!(load(root.path(), 3, name, 10).unwrap(), None, "{name}");
        }
        assert!(list(root.path(), 3).is_empty());
    }
}

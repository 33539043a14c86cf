//! A build of everything, with an empty cache.
//!
//! Needs the network, some 15 GB of space for temporary files, and half an hour. What cargo has downloaded
//! for this project's own programs is not part of the cache and is used as it is.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::row::{Goal, Row, Value};
use super::shared::Shared;
use crate::tool;

/// Maximum total time on two processors.
const GOAL: Value = Value::Time(Duration::from_secs(25 * 60));

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let (cache, output) = (shared.dir().join("cache"), shared.dir().join("cold"));
    let mut command = Command::new(tool::ironhull());
    command.args(["build", "single", "--output"]).arg(output).env("IRONHULL_CACHE", cache);
    command
        .current_dir(tool::source_root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("running {command:?}"))?;
    let mut rows = Vec::new();
    let talk = child.stderr.take().context("the build has no standard error")?;
    for line in BufReader::new(talk).lines() {
        let line = line.context("reading what the build says")?;
        eprintln!("  {line}");
        if let Some((stage, took)) = stage_of(&line) {
            rows.push(Row::new(format!("cold build: {stage}"), Value::Time(took), Goal::Shown));
        }
    }
    let status = child.wait().context("waiting for the build")?;
    ensure!(status.success(), "{command:?}: {status}");
    rows.push(Row::new("cold build: all", Value::Time(began.elapsed()), Goal::AtMost(GOAL)));
    Ok(rows)
}

/// Parses the line that the build prints at the end of a step: `NAME: 1.2 s` or `NAME: 2 min 5 s`.
fn stage_of(line: &str) -> Option<(&str, Duration)> {
    let (name, time) = line.rsplit_once(": ")?;
    let time = time.strip_suffix(" s")?;
    let took = match time.split_once(" min ") {
        Some((min, secs)) => Duration::from_secs(min.parse::<u64>().ok()? * 60 + secs.parse::<u64>().ok()?),
        None => Duration::try_from_secs_f64(time.parse().ok()?).ok()?,
    };
    Some((name, took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_told_from_other_lines() {
        assert_eq!(stage_of("write the disk: 1.5 s"), Some(("write the disk", Duration::from_millis(1500))));
        assert_eq!(stage_of("build kernel: 9 min 2 s"), Some(("build kernel", Duration::from_secs(542))));
        for line in ["build kernel …", "warning: x", "a: -1 s", "nothing has changed"] {
            assert_eq!(stage_of(line), None, "{line}");
        }
    }
}

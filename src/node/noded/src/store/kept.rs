//! The node's own snapshots of the store: one a day on the data partition, for a mistake that is noticed later, or a
//! store that does not start any more. They are no backup, since they are on the same machine: `etcd snapshot` keeps
//! one elsewhere.
//!
//! The names hold the times. While the clock is not known to be right, none is removed for its age, and none is made if
//! one is of the future: that is the clock's fault. Once it is right, those of the future are removed. Where room is
//! short only the latest is kept, and none is made.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use api::{KeptSnapshot, SNAPSHOT_SUM_BYTES};
use control::ServiceState;
use net::clock;
use ring::digest::{Context as Digest, SHA256};

use super::program::{Program, failure};
use super::snapshot;
use crate::condition::{Claim, STORE_KEPT};
use crate::node::Node;
use crate::room::{self, Room};
use crate::thread::spawn_or_tell;

/// The directory.
const DIRECTORY: &str = "/var/lib/ironhull/store";
/// Ends the names of whole ones, and of those in the making.
const SUFFIX: &str = ".db";
const DRAFT: &str = ".draft";
/// Time from one to the next.
const INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// Most that are kept, and for how long; the latest one always.
const MOST: usize = 7;
const LONGEST: Duration = Duration::from_secs(14 * 24 * 3600);
/// Time between two looks, and before the first: a node that starts has better things to do.
const LOOK: Duration = Duration::from_secs(600);
/// The part of the partition that stays free.
const FREE_PART: u64 = 5;

/// The time since 1970, and whether the clock is known to be right.
#[derive(Clone, Copy, Debug)]
enum Now {
    Known(Duration),
    Doubted(Duration),
}

impl Now {
    fn time(self) -> Duration {
        let (Now::Known(time) | Now::Doubted(time)) = self;
        time
    }
}

/// Makes them, for ever.
pub fn follow(node: &Arc<Node>) {
    let node = Arc::clone(node);
    spawn_or_tell("store-kept", move || {
        loop {
            thread::sleep(LOOK);
            if let Some(claim) = look(&node, Path::new(DIRECTORY)) {
                node.claim(STORE_KEPT, claim);
            }
        }
    });
}

/// Makes one if it is due, and removes what is not needed; returns the condition to set.
fn look(node: &Node, directory: &Path) -> Option<Claim> {
    match keep(node, directory) {
        Ok(Some(latest)) => Some(Claim { message: latest, ..Claim::yes("Kept") }),
        Ok(None) => None,
        Err(e) => Some(Claim::no("Failed", format!("{e:#}"))),
    }
}

/// Returns the latest one, after what was due was done; nothing while the store is not ready.
fn keep(node: &Node, directory: &Path) -> Result<Option<String>> {
    let now = if node.time.is_told() { Now::Known(clock::now()) } else { Now::Doubted(clock::now()) };
    let mut kept = names(directory)?;
    if is_due(&kept, now) {
        let status = node.init.status()?;
        let is_ready =
            status.services.iter().any(|s| s.name == cluster::STORE && s.state == ServiceState::Ready);
        let Some(program) = Program::of(node).filter(|_| is_ready) else { return Ok(None) };
        remove(directory, &superfluous(&kept, now, is_short(room::of(Path::new("/var"))?)))?;
        let latest = kept.last().and_then(|k| fs::metadata(directory.join(k)).ok()).map_or(0, |m| m.len());
        let room = room::of(Path::new("/var"))?;
        ensure!(
            room.free_bytes.saturating_sub(latest) > room.total_bytes / FREE_PART,
            "no snapshot of the store is made: less than a fifth of the data partition would be free"
        );
        snapshot::check_room(node)?.map_err(anyhow::Error::msg)?;
        make(&program, directory, now.time()).context("making a snapshot of the store")?;
        kept = names(directory)?;
    }
    remove(directory, &superfluous(&kept, now, is_short(room::of(Path::new("/var"))?)))?;
    Ok(kept.pop())
}

fn is_short(room: Room) -> bool {
    room.free_bytes < room.total_bytes / FREE_PART
}

/// Makes one. It appears when it is whole.
fn make(program: &Program, directory: &Path, now: Duration) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let draft = directory.join(format!("new{DRAFT}"));
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    let mut command = program.command("snapshot-save", &[])?;
    let output = command.stdout(file.try_clone()?).output()?;
    if !output.status.success() {
        drop(fs::remove_file(&draft));
        bail!("{}", failure("snapshot-save", output.status, &output.stderr));
    }
    check_sum(&mut File::open(&draft)?)?;
    file.sync_all()?;
    fs::rename(&draft, directory.join(name(now)))?;
    Ok(durable::sync_directory(directory)?)
}

/// Checks that a snapshot ends with the SHA-256 of what is before.
fn check_sum(file: &mut File) -> Result<()> {
    let bytes = file.metadata()?.len();
    let length =
        bytes.checked_sub(SNAPSHOT_SUM_BYTES as u64).context("expected a whole snapshot, found its begin")?;
    let (mut digest, mut piece) = (Digest::new(&SHA256), vec![0; 64 << 10]);
    let mut database = file.by_ref().take(length);
    loop {
        match database.read(&mut piece)? {
            0 => break,
            n => digest.update(&piece[..n]),
        }
    }
    let mut sum = [0; SNAPSHOT_SUM_BYTES];
    file.read_exact(&mut sum)?;
    ensure!(digest.finish().as_ref() == sum, "expected a whole snapshot, found another SHA-256 at its end");
    Ok(())
}

/// Returns the name of a snapshot of this time, such as `20261130T054011Z.db`: in alphabetical order they are in order.
fn name(now: Duration) -> String {
    let plain: String = api::utc(now.as_secs()).chars().filter(|c| !matches!(c, '-' | ':')).collect();
    plain + SUFFIX
}

/// Returns whether one is due: there is none of the last day. One of the future was made while the clock was wrong, or the
/// clock is wrong now.
fn is_due(kept: &[String], now: Now) -> bool {
    let (from, until) = (name(now.time().saturating_sub(INTERVAL)), name(now.time()));
    let is_recent = |k: &String| *k > from && (*k <= until || matches!(now, Now::Doubted(_)));
    !kept.iter().any(is_recent)
}

/// Returns those that are not needed any more, of all in order.
fn superfluous(kept: &[String], now: Now, is_short: bool) -> Vec<String> {
    let until = name(now.time());
    let (past, future) = match now {
        Now::Known(_) => kept.split_at(kept.partition_point(|k| *k <= until)),
        Now::Doubted(_) => (kept, &[][..]),
    };
    let oldest = match now {
        Now::Known(time) => name(time.saturating_sub(LONGEST)),
        Now::Doubted(_) => String::new(),
    };
    let most = if is_short { 1 } else { MOST };
    let count = past.len();
    let is_needed = |n: usize, name: &String| n + 1 == count || (n + most >= count && *name >= oldest);
    let old = past.iter().enumerate().filter(|(n, name)| !is_needed(*n, name)).map(|(_, name)| name);
    // The only ones there are stay, whatever they are called.
    let wrong = future.iter().filter(|_| !past.is_empty());
    old.chain(wrong).cloned().collect()
}

fn remove(directory: &Path, names: &[String]) -> Result<()> {
    for name in names {
        let path = directory.join(name);
        fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    Ok(())
}

/// Returns the names of all that are whole, the oldest first.
fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("reading {}", directory.display())),
    };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|e| e.file_name().into_string().ok()).filter(|n| is_name(n)).collect();
    names.sort();
    Ok(names)
}

/// Returns whether a text is the name of a snapshot, and of nothing else.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, 'T' | 'Z');
    text.len() < 32
        && text.strip_suffix(SUFFIX).is_some_and(|stem| !stem.is_empty() && stem.chars().all(plain))
}

/// Returns all, the oldest first.
///
/// # Errors
/// If the directory can't be read.
pub fn list() -> Result<Vec<KeptSnapshot>> {
    let directory = Path::new(DIRECTORY);
    let kept = |name: String| {
        let bytes = fs::metadata(directory.join(&name)).map_or(0, |m| m.len());
        KeptSnapshot { name, bytes }
    };
    Ok(names(directory)?.into_iter().map(kept).collect())
}

/// Opens the one of this name; `None` if there is none.
///
/// # Errors
/// If it can't be opened.
pub fn open(name: &str) -> Result<Option<File>> {
    if !is_name(name) {
        return Ok(None);
    }
    let path: PathBuf = Path::new(DIRECTORY).join(name);
    match File::open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("opening {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const NOW: Duration = Duration::from_secs(1_796_000_000);

    /// Snapshots of so many days ago, the oldest first.
    fn of(days: &[u32]) -> Vec<String> {
        days.iter().map(|d| name(NOW - DAY * *d)).collect()
    }

    #[test]
    fn one_a_day_is_due_whatever_the_clock_was() {
        assert_eq!(name(NOW), "20261130T005320Z.db");
        for now in [Now::Known(NOW), Now::Doubted(NOW)] {
            assert!(is_due(&[], now));
            assert!(is_due(&of(&[3, 1]), now));
            assert!(!is_due(&[name(NOW - DAY / 2)], now));
        }
        let future = [name(NOW + DAY)];
        assert!(is_due(&future, Now::Known(NOW)) && !is_due(&future, Now::Doubted(NOW)));
    }

    #[test]
    fn a_wrong_clock_removes_nothing_of_the_week() {
        let week = of(&[7, 6, 5, 4, 3, 2, 1]);
        let ahead = Now::Doubted(NOW + DAY * 1000);
        assert!(superfluous(&week, ahead, false).is_empty());
        let wrong = name(NOW + DAY * 1000);
        let all: Vec<String> = week[1..].iter().cloned().chain([wrong.clone()]).collect();
        let wrong = std::slice::from_ref(&wrong);
        assert_eq!(superfluous(&all, Now::Known(NOW), false), wrong, "once the clock is right");
        assert!(superfluous(wrong, Now::Known(NOW), true).is_empty(), "better than none");
        let behind = Now::Doubted(NOW - DAY * 30);
        assert!(superfluous(&week, behind, false).is_empty() && !is_due(&week, behind));
    }

    #[test]
    fn a_week_is_kept_and_under_pressure_only_the_latest() {
        let all = of(&[9, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(superfluous(&all, Now::Known(NOW), false), of(&[9, 8]));
        assert_eq!(superfluous(&all, Now::Known(NOW), true), of(&[9, 8, 7, 6, 5, 4, 3, 2]));
        assert_eq!(
            superfluous(&of(&[40, 30, 20]), Now::Known(NOW), false),
            of(&[40, 30]),
            "the latest stays, however old"
        );
        assert!(superfluous(&[], Now::Known(NOW), true).is_empty());
    }

    #[test]
    fn only_names_of_snapshots_are_opened() {
        assert!(is_name(&name(NOW)));
        for bad in ["", ".db", "../x.db", "new.draft", "a.db", "2026.db/..", "20261129T195320Z"] {
            assert!(!is_name(bad), "{bad}");
            assert!(open(bad).unwrap().is_none());
        }
    }

    #[test]
    fn one_appears_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("kept");
        let script = folder.path().join("store");
        let program = |text: &str| {
            use std::os::unix::fs::PermissionsExt;
            fs::write(&script, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
            Program::running(&script)
        };
        let failed = program("printf database; head -c 32 /dev/zero");
        let error = make(&failed, &directory, NOW).unwrap_err().to_string();
        assert!(error.starts_with("expected a whole snapshot"), "{error}");
        assert!(make(&program("echo 'error: x: why' >&2; exit 1"), &directory, NOW).is_err());
        assert!(names(&directory).unwrap().is_empty());
        let whole = program("printf database; printf database | sha256sum | cut -c1-64 | xxd -r -p");
        make(&whole, &directory, NOW).unwrap();
        assert_eq!(names(&directory).unwrap(), [name(NOW)]);
    }
}

//! The writable partitions that `init` could not mount, and an operator's orders about them: check, repair, wipe.
//!
//! Nothing is done to one unasked. A partition is checked where it is, and mounted by the next boot, which prepares
//! everything on it in its one way; so there is no order to mount one. One check runs at a time, as it may need much
//! memory. A wipe only writes the builder's marker: `init` makes the file system, as on a new disk, and a power cut in
//! between leaves either the damage or the marker.

mod told;
mod wipe;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use api::{CheckResult, DamagedPartition, PartitionCheck, PartitionName, Wiped};
use control::{DAMAGE_PATH, Damage, MAX_DAMAGE_BYTES};
use fsck::{End, Mode, Outcome};
use rustix::fs::OFlags;

use crate::thread::spawn;
use crate::upgrade::Refused;

/// Longest check. One of many TB takes hours; no other one can begin meanwhile.
const LONGEST_CHECK: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a trial goes on at least after something was done with a partition, in seconds.
const AGAIN_SECS: u64 = 300;

/// The partitions. Shared by all threads.
#[derive(Debug)]
pub struct Partitions {
    /// The root that has the program.
    root: PathBuf,
    all: Mutex<Vec<Held>>,
}

/// A partition, and what was done with it.
#[derive(Debug)]
struct Held {
    name: PartitionName,
    damage: Damage,
    check: Option<Check>,
    wiping: bool,
    wiped: bool,
}

/// A check.
#[derive(Debug)]
struct Check {
    repair: bool,
    began: Instant,
    /// What came of it, and how long it took.
    ended: Option<(CheckResult, Vec<String>, Duration)>,
}

impl Default for Partitions {
    /// All is mounted.
    fn default() -> Partitions {
        Partitions::new(Path::new("/"), Vec::new())
    }
}

impl Partitions {
    /// Reads what `init` has left.
    pub fn load() -> Partitions {
        let damage = load(Path::new(DAMAGE_PATH)).unwrap_or_else(|e| {
            // Whatever it is, it was written because of damage.
            let problem = format!("{e:#}");
            eprintln!("noded: {problem}");
            let label = PartitionName::State.label().to_owned();
            vec![Damage { label, problem, ..Damage::default() }]
        });
        Partitions::new(Path::new("/"), damage)
    }

    /// These are damaged; the program for checks is on the root at `root`.
    pub fn new(root: &Path, damage: Vec<Damage>) -> Partitions {
        let held = |damage: Damage| {
            let name = damage.label.parse().ok()?;
            Some(Held { name, damage, check: None, wiping: false, wiped: false })
        };
        Partitions { root: root.to_owned(), all: Mutex::new(damage.into_iter().filter_map(held).collect()) }
    }

    /// Returns those that are damaged.
    pub fn list(&self) -> Vec<DamagedPartition> {
        self.lock().iter().map(Held::describe).collect()
    }

    /// Returns what is wrong with a partition in full, a text of several lines; `None` if it is mounted.
    pub fn problem(&self, name: PartitionName) -> Option<String> {
        self.lock().iter().find(|held| held.name == name).map(|held| told::problem(&held.damage))
    }

    /// Returns whether something is done with one.
    pub fn is_busy(&self) -> bool {
        self.lock().iter().any(Held::is_busy)
    }

    /// Returns the time since the kernel started, in seconds, at which a trial may end while something is done with a
    /// partition: a reboot would break that off, and the generation is not the cause. `None` otherwise.
    pub fn deadline_secs(&self) -> Option<u32> {
        let now = sys::boot_ms() / 1000;
        self.is_busy().then(|| u32::try_from(now + AGAIN_SECS).unwrap_or(u32::MAX))
    }

    /// Begins to check a partition; [`Partitions::list`] has the result when it is there.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if it is in use, does not exist, was wiped, or something is done with one; [`Refused::Failed`]
    /// if it can't be opened, or there can be no thread.
    pub fn begin_check(self: &Arc<Partitions>, name: PartitionName, repair: bool) -> Result<(), Refused> {
        let (own, began) = (Arc::clone(self), Instant::now());
        let check = Check { repair, began, ended: None };
        let (device, before) = self.reserve(name, |held| held.check.replace(check))?;
        // Without the lock: the disk may not answer.
        let begun = open(&device, Access::Read).and_then(|_| {
            let mode = if repair { Mode::Everything } else { Mode::Look };
            let run = move || own.finish(name, fsck::check(&own.root, &device, mode, LONGEST_CHECK));
            spawn("partition-check", run).map_err(Refused::Failed)
        });
        if begun.is_err() {
            find(&mut self.lock(), name)?.check = before;
        }
        begun
    }

    /// Has a partition made anew at the next boot; with `dry` nothing changes. Returns what is lost.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if it is in use, does not exist, or something is done with one; [`Refused::Failed`] if it
    /// can't be written. It is as it was then, or damaged in its first block.
    pub fn wipe(&self, name: PartitionName, dry: bool) -> Result<Wiped, Refused> {
        if find(&mut self.lock(), name)?.wiped {
            return Ok(told::wiped(name));
        }
        let (device, ()) = self.reserve(name, |held| held.wiping = true)?;
        // Without the lock: the disk may not answer.
        let done = open(&device, Access::Write).and_then(|file| match dry {
            true => Ok(()),
            false => wipe::mark(&file)
                .with_context(|| format!("writing {}", device.display()))
                .map_err(Refused::Failed),
        });
        let mut all = self.lock();
        let held = find(&mut all, name)?;
        (held.wiping, held.wiped) = (false, !dry && done.is_ok());
        done.map(|()| told::wiped(name))
    }

    /// Does `take` with a damaged partition with which something can be done now; returns its device too.
    fn reserve<T>(
        &self,
        name: PartitionName,
        take: impl FnOnce(&mut Held) -> T,
    ) -> Result<(PathBuf, T), Refused> {
        let mut all = self.lock();
        let busy = all.iter().find(|held| held.is_busy()).map(|held| held.name);
        let held = find(&mut all, name)?;
        if let Some(busy) = busy {
            let what = format!("something is done with the partition {busy}");
            return Err(Refused::conflict(&what, "wait for it"));
        }
        if held.wiped {
            let what = format!("the partition {name} was wiped: it is made anew at the next boot");
            return Err(Refused::conflict(&what, "`ironhull node ADDRESS reboot` does that"));
        }
        let device = held.damage.device.as_ref().map(PathBuf::from).ok_or_else(|| {
            let what = format!("the disk has no partition {name}");
            Refused::conflict(&what, "write the image to the disk again")
        })?;
        Ok((device, take(held)))
    }

    /// Records what came of a check.
    fn finish(&self, name: PartitionName, outcome: Result<Outcome, fsck::Error>) {
        let (result, lines) = match outcome {
            Ok(outcome) => (result(outcome.end), outcome.lines),
            Err(error) => (CheckResult::Failed, vec![error.to_string()]),
        };
        eprintln!("noded: partition {name}: {}", result.text());
        lines.iter().for_each(|line| eprintln!("noded: e2fsck: {line}"));
        if let Ok(held) = find(&mut self.lock(), name)
            && let Some(check) = &mut held.check
        {
            check.ended = Some((result, lines, check.began.elapsed()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is_busy(&self) -> bool {
        self.wiping || self.check.as_ref().is_some_and(|check| check.ended.is_none())
    }

    fn describe(&self) -> DamagedPartition {
        let check = self.check.as_ref().map(|Check { repair, began, ended }| {
            let (result, lines, took) = match ended {
                Some((result, lines, took)) => (*result, lines.clone(), *took),
                None => (CheckResult::Running, Vec::new(), began.elapsed()),
            };
            PartitionCheck { repair: *repair, result, secs: took.as_secs(), lines }
        });
        let Damage { device, problem, check: boot_check, .. } = self.damage.clone();
        let found = check.as_ref().map(|check| (check.result, check.repair));
        let remedies = told::remedies(self.name, device.is_some(), found, self.wiped);
        DamagedPartition { name: self.name, device, problem, boot_check, check, wiped: self.wiped, remedies }
    }
}

/// Says what the end of the program means.
fn result(end: End) -> CheckResult {
    match end {
        End::Whole => CheckResult::Whole,
        End::Repaired => CheckResult::Repaired,
        End::Damaged => CheckResult::Damaged,
        End::Failed(_) | End::TooLong => CheckResult::Failed,
    }
}

/// Returns a damaged partition.
fn find(all: &mut [Held], name: PartitionName) -> Result<&mut Held, Refused> {
    all.iter_mut().find(|held| held.name == name).ok_or_else(|| {
        let hint = "a partition is checked or wiped only if it could not be mounted";
        Refused::conflict(&format!("the partition {name} is in use"), hint)
    })
}

/// What is done with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// Opens a device that nobody else uses: the kernel refuses it while it is mounted.
fn open(device: &Path, access: Access) -> Result<File, Refused> {
    let exclusively = i32::try_from(OFlags::EXCL.bits()).unwrap_or_default();
    let mut options = File::options();
    options.read(true).write(access == Access::Write).custom_flags(exclusively);
    options.open(device).map_err(|e| match e.kind() {
        ErrorKind::ResourceBusy => {
            let what = format!("{} is mounted, or in use by another program", device.display());
            Refused::conflict(&what, "reboot the node")
        }
        _ => Refused::Failed(anyhow::Error::from(e).context(format!("opening {}", device.display()))),
    })
}

/// Reads the file of `init`.
fn load(path: &Path) -> Result<Vec<Damage>> {
    let reading = || format!("reading {}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(reading),
    };
    let mut text = Vec::new();
    file.take(MAX_DAMAGE_BYTES).read_to_end(&mut text).with_context(reading)?;
    serde_json::from_slice(&text).with_context(reading)
}

#[cfg(test)]
mod tests;

//! Two ways to make one file, compared by time.
//!
//! Both get the same processors, by affinity: a tool with one thread is compared with one thread of ours.
//! They alternate, so that other load on the machine affects both; the first round warms the page cache and
//! does not count.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::row::{Goal, Row, Value};

/// Number of rounds that count.
pub const ROUNDS: usize = 3;

/// Makes a file at the given path.
pub type Make<'a> = &'a (dyn Fn(&Path) -> Result<()> + Sync);

/// How the size of a file is determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Its length, which has to be stored and sent.
    Length,
    /// The space that it takes on the disk, if its length is fixed.
    Room,
}

/// A comparison.
#[derive(Clone, Copy)]
pub struct Contest<'a> {
    /// What is made.
    pub what: &'static str,
    /// How its size is determined.
    pub size: Size,
    /// Name of the other program.
    pub other: &'static str,
    /// Our program.
    pub ours: Make<'a>,
    /// The other program.
    pub theirs: Make<'a>,
}

impl Contest<'_> {
    /// Runs on `cpus` processors with files in `dir`; returns rows for time and size.
    pub fn run(&self, dir: &Path, cpus: usize) -> Result<Vec<Row>> {
        let measured = std::thread::scope(|scope| {
            let measured = scope.spawn(|| self.measure(dir, cpus)).join();
            measured.map_err(|_| anyhow!("{}: a writer panicked", self.what))
        });
        let (ours, theirs) = measured??;
        let row = |kind: &str, value: fn(Figures) -> Value, goal| {
            let what = format!("{}, {kind}", self.what);
            Row::new(what, value(ours), goal).against(self.other, value(theirs))
        };
        let size = if self.size == Size::Room { "room" } else { "size" };
        let on = if cpus == 1 { "time on 1 CPU".to_owned() } else { format!("time on {cpus} CPUs") };
        Ok(vec![
            row(&on, |f| Value::Time(f.took), Goal::BelowOther),
            row(size, |f| Value::Bytes(f.bytes), Goal::NotAboveOther),
        ])
    }

    /// Runs all rounds, on a thread of its own, whose affinity stays changed.
    fn measure(&self, dir: &Path, cpus: usize) -> Result<(Figures, Figures)> {
        let pool = bind(cpus)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..=ROUNDS {
            ours.push(pool.install(|| self.once(self.ours, &dir.join("ours")))?);
            theirs.push(self.once(self.theirs, &dir.join("theirs"))?);
        }
        Ok((Figures::of(&ours), Figures::of(&theirs)))
    }

    /// Makes one file, measures and removes it.
    fn once(&self, make: Make<'_>, path: &Path) -> Result<Figures> {
        let began = Instant::now();
        make(path)?;
        let took = began.elapsed();
        let meta = fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
        fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
        let bytes = match self.size {
            Size::Length => meta.len(),
            Size::Room => meta.blocks() * 512,
        };
        Ok(Figures { took, bytes })
    }
}

/// The results of one side.
#[derive(Clone, Copy)]
struct Figures {
    took: Duration,
    bytes: u64,
}

impl Figures {
    /// Returns the median of all rounds but the first. Sizes are the same in all.
    fn of(rounds: &[Figures]) -> Figures {
        let counted = rounds.get(1..).unwrap_or_default();
        let bytes = counted.last().map_or(0, |f| f.bytes);
        Figures { took: median(counted.iter().map(|f| f.took).collect()), bytes }
    }
}

/// Binds this thread, and the programs it starts, to `cpus` processors; returns a pool of as many threads.
fn bind(cpus: usize) -> Result<ThreadPool> {
    let allowed = sched_getaffinity(None).context("asking for this thread's processors")?;
    let mut chosen = CpuSet::new();
    (0..CpuSet::MAX_CPU).filter(|c| allowed.is_set(*c)).take(cpus).for_each(|c| chosen.set(c));
    sched_setaffinity(None, &chosen).context("binding to processors")?;
    ThreadPoolBuilder::new().num_threads(cpus).build().context("starting threads")
}

/// Returns the median; zero if there are no values.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_run_once_a_round_on_the_processors_they_were_given() {
        let dir = tempfile::tempdir().unwrap();
        let make: Make<'_> = &|path| {
            assert_eq!(sched_getaffinity(None)?.count(), 1);
            Ok(fs::write(path, "1234567")?)
        };
        let contest = Contest { what: "x", size: Size::Length, other: "y", ours: make, theirs: make };
        let rows = contest.run(dir.path(), 1).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].cells()[0], "x, time on 1 CPU");
        assert_eq!(rows[1].cells()[..2], ["x, size", "1 kB"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let times = [9, 1, 5].map(Duration::from_secs).to_vec();
        assert_eq!(median(times), Duration::from_secs(5));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}

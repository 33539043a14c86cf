//! What several time servers say together.

use std::time::Duration;

/// How far apart answers may be that mean the same time: the way of a packet is not known better, and some servers
/// spread a leap second over a day.
const TOLERANCE: Duration = Duration::from_secs(3);

/// How much an agreement is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// One server, or several that are not most of those asked.
    One,
    /// At least two servers, and most of those asked.
    Several,
}

/// What the servers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Nothing.
    Silent,
    /// Different things, and nothing tells which is right: each that some of them say, earliest first.
    Split(Vec<Duration>),
    /// A time.
    On(Duration, Strength),
}

/// Finds what most of `answers` say, out of `asked` servers. Where there is no majority among the answers, the clock
/// decides, if it is worth anything: the one group of which `is_near` is true.
#[must_use]
pub fn agree(answers: &[Duration], asked: usize, is_near: impl Fn(Duration) -> bool) -> Agreement {
    let groups = group(answers);
    let middle = |group: &[Duration]| group[group.len() / 2];
    let Some(largest) = groups.iter().max_by_key(|g| g.len()) else { return Agreement::Silent };
    if 2 * largest.len() > answers.len() {
        let strong = largest.len() >= 2 && 2 * largest.len() > asked;
        return Agreement::On(middle(largest), if strong { Strength::Several } else { Strength::One });
    }
    let times: Vec<Duration> = groups.iter().map(|g| middle(g)).collect();
    let near: Vec<Duration> = times.iter().copied().filter(|t| is_near(*t)).collect();
    match near[..] {
        [time] => Agreement::On(time, Strength::One),
        _ => Agreement::Split(times),
    }
}

/// Divides answers into groups that mean the same time, earliest first: the largest group that there can be, then what
/// is left in the same way.
fn group(answers: &[Duration]) -> Vec<Vec<Duration>> {
    let mut left = answers.to_vec();
    left.sort_unstable();
    let mut groups = Vec::new();
    while !left.is_empty() {
        let reach = |from: usize| left[from..].iter().take_while(|t| **t - left[from] <= TOLERANCE).count();
        // The first of the largest ones: `max_by_key` takes the last.
        let from = (0..left.len()).rev().max_by_key(|from| reach(*from)).unwrap_or_default();
        let count = reach(from);
        groups.push(left.drain(from..from + count).collect::<Vec<_>>());
    }
    groups.sort();
    groups
}

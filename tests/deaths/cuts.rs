//! The times of power cuts.

use std::time::Duration;

use e2e::seed::Random;

/// Returns `count` times before `last`, ascending: a random one in each of `count` equal intervals.
pub fn times(random: &mut Random, count: u32, last: Duration) -> Vec<Duration> {
    (0..count).map(|n| last.mul_f64((f64::from(n) + random.part()) / f64::from(count))).collect()
}

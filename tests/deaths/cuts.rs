//! When the power goes.

use std::time::Duration;

use e2e::seed::Random;

/// Returns so many times before `last`, ascending, each anywhere in its own part, so that no part is left out.
pub fn times(random: &mut Random, count: u32, last: Duration) -> Vec<Duration> {
    (0..count).map(|n| last.mul_f64((f64::from(n) + random.part()) / f64::from(count))).collect()
}

//! When the power goes.

use std::time::Duration;

/// Returns so many times before `last`, ascending, each anywhere in its own part, so that no part is left out.
pub fn times(count: u32, last: Duration) -> Vec<Duration> {
    (0..count).map(|n| last.mul_f64((f64::from(n) + random_part()) / f64::from(count))).collect()
}

/// Returns a number between 0 and 1.
fn random_part() -> f64 {
    let mut random = [0; 4];
    sys::random_bytes(&mut random).unwrap();
    f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX)
}

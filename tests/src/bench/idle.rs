//! How much an idle node writes to its disk.
//!
//! Counted by QEMU at the virtual disk. State and data are counted together: they are the only partitions
//! that a running node writes to, and the virtual disk does not distinguish them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::row::{Goal, Row, Value};
use super::shared::Shared;
use crate::qmp;

/// Waiting time after the pod has answered, since the boot's own writes reach the disk late.
const SETTLE: Duration = Duration::from_secs(40);
/// An hour.
const HOUR_MS: u128 = 3_600_000;

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let minutes = shared.idle_minutes;
    let socket = shared.booted()?.node.file("qmp.sock");
    eprintln!("  {} s to settle, then {minutes} min", SETTLE.as_secs());
    sleep(SETTLE);
    let (began, before) = (Instant::now(), qmp::written_bytes(&socket)?);
    sleep(Duration::from_secs(minutes * 60));
    let (after, took) = (qmp::written_bytes(&socket)?, began.elapsed());
    let written =
        after.checked_sub(before).context("QEMU's count went back: the machine was started anew")?;
    let hour = scaled(written, took);
    let what = format!("written to state and data per idle hour (from {minutes} min)");
    Ok(vec![Row::new(what, Value::Bytes(hour), Goal::Shown)])
}

/// Converts the amount written within `took` to that of an hour.
fn scaled(written: u64, took: Duration) -> u64 {
    let hour = u128::from(written) * HOUR_MS / took.as_millis().max(1);
    u64::try_from(hour).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_minutes_are_a_thirtieth_of_an_hour() {
        assert_eq!(scaled(1000, Duration::from_secs(120)), 30_000);
        assert_eq!(scaled(7, Duration::ZERO), 25_200_000);
    }
}

//! The system clock: read it, and set it by a step.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_settime};

use crate::error::{During, NetError};

/// Returns the time since 1970; a clock before that counts as 1970.
#[must_use]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Sets the clock to `time` since 1970.
///
/// # Errors
/// [`NetError::Call`] if the kernel refuses.
pub fn set(time: Duration) -> Result<(), NetError> {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let to = Timespec { tv_sec: seconds, tv_nsec: i64::from(time.subsec_nanos()) };
    clock_settime(ClockId::Realtime, to).during("setting the clock to", seconds)
}

/// Sets the clock to `floor_secs` since 1970 when it is before that; tells whether it was.
///
/// # Errors
/// As [`set`].
pub fn set_at_least(floor_secs: u64) -> Result<bool, NetError> {
    let floor = Duration::from_secs(floor_secs);
    if now() >= floor {
        return Ok(false);
    }
    set(floor).map(|()| true)
}

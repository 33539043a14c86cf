//! The clocks: read, set by a step, waited for.

use std::io;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    clock_settime, timerfd_create, timerfd_settime,
};

use crate::error::{During, NetError};

/// What the kernel reads of the machine's own clock, in seconds since 1970.
const MACHINE_CLOCK: &str = "/sys/class/rtc/rtc0/since_epoch";
/// A smaller change of the clock is no step: what is read one after the other differs by so much.
const MIN_STEP: Duration = Duration::from_millis(500);

/// Returns the time since 1970; a clock before that counts as 1970.
#[must_use]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns the time since the kernel started, time asleep included, but not the time for which a virtual machine was
/// paused.
#[must_use]
pub fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// Returns what the machine's own clock shows, as time since 1970; `None` if it has none that can be read.
#[must_use]
pub fn of_machine() -> Option<Duration> {
    std::fs::read_to_string(MACHINE_CLOCK).ok()?.trim().parse().ok().map(Duration::from_secs)
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

/// Why an [`Alarm`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The time has come.
    Due,
    /// The clock was stepped, by this program or another.
    Stepped,
}

/// Waits for a time of the clock, or for a step of it.
///
/// A step is noticed from the creation on, also between two waits.
#[derive(Debug)]
pub struct Alarm {
    timer: Option<OwnedFd>,
    /// The clock less the time since boot, in nanoseconds.
    offset: i128,
}

impl Default for Alarm {
    fn default() -> Alarm {
        Alarm::new()
    }
}

impl Alarm {
    /// An alarm. If the kernel gives no timer, its waits are ordinary sleeps, and a step is noticed after them.
    #[must_use]
    pub fn new() -> Alarm {
        let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC).ok();
        Alarm { timer, offset: offset() }
    }

    /// Waits until the clock shows `due`, since 1970, but no longer than `longest`, or until it is stepped.
    pub fn wait(&mut self, due: Duration, longest: Duration) -> Wake {
        let left = due.saturating_sub(now()).min(longest);
        let is_armed = self.timer.as_ref().is_some_and(|timer| arm(timer, now() + left).is_ok());
        // A step before this one the kernel has not seen.
        if self.is_stepped() {
            return Wake::Stepped;
        }
        match &self.timer {
            Some(timer) if is_armed => ended(timer),
            _ => thread::sleep(left),
        }
        if self.is_stepped() { Wake::Stepped } else { Wake::Due }
    }

    /// Returns whether the clock was stepped since this was asked last.
    fn is_stepped(&mut self) -> bool {
        let offset = offset();
        let step = (offset - self.offset).unsigned_abs();
        self.offset = offset;
        step > MIN_STEP.as_nanos()
    }
}

fn offset() -> i128 {
    let nanos = |d: Duration| i128::try_from(d.as_nanos()).unwrap_or(i128::MAX);
    nanos(now()) - nanos(since_boot())
}

/// Arms a timer for a time of the clock; a step ends it early.
fn arm(timer: &OwnedFd, due: Duration) -> io::Result<()> {
    // Zero would disarm it.
    let due = Timespec::try_from(due.max(Duration::from_nanos(1)));
    let due = due.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: due };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(timer, flags, &once)?;
    Ok(())
}

/// Waits for the end of a timer, whether it is due or cancelled.
fn ended(timer: &OwnedFd) {
    let mut count = [0; 8];
    while let Err(rustix::io::Errno::INTR) = rustix::io::read(timer, &mut count) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_ends_when_it_is_due() {
        let mut alarm = Alarm::new();
        assert!(alarm.timer.is_some());
        let long = Duration::from_secs(3600);
        assert_eq!(alarm.wait(Duration::ZERO, long), Wake::Due);
        let due = now() + Duration::from_millis(20);
        assert_eq!(alarm.wait(due, long), Wake::Due);
        assert!(now() >= due);
        assert_eq!(alarm.wait(now() + long, Duration::from_millis(1)), Wake::Due);
        alarm.timer = None;
        assert_eq!(alarm.wait(Duration::ZERO, long), Wake::Due);
    }

    /// The step is as if it had been made between two waits: a test does not touch the clock of its machine.
    #[test]
    fn a_step_between_two_waits_is_noticed_once() {
        let mut alarm = Alarm::new();
        for step in [-3_600_000_000_000, 3_600_000_000_000] {
            alarm.offset += step;
            assert_eq!(
                alarm.wait(now() + Duration::from_secs(3600), Duration::from_secs(3600)),
                Wake::Stepped
            );
            assert_eq!(alarm.wait(Duration::ZERO, Duration::ZERO), Wake::Due);
        }
    }
}

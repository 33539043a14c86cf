//! Timed events.

use supervise::Event;

use super::{CLEAR_LOOK_MS, Runner};

impl Runner<'_> {
    /// Returns when the loop has to turn although nothing happens, in milliseconds since the kernel
    /// started.
    pub(super) fn next_ms(&mut self) -> Option<u64> {
        let now = sys::boot_ms();
        let watchdog = if self.may_feed(now) { self.base.feed_watchdogs().map(|ms| now + ms) } else { None };
        let clearing = (!self.clearing.is_empty()).then_some(now + CLEAR_LOOK_MS);
        let patience = self.leaving.map(|l| l.since_ms + super::SHUTDOWN_PATIENCE_MS + 1);
        let all = [
            watchdog,
            clearing,
            patience,
            self.supervisor.next_ms(),
            self.probes.next_ms(),
            self.logs.next_ms(),
            self.trial_next_ms(now),
        ];
        all.into_iter().flatten().min()
    }

    /// Does all that is due.
    pub(super) fn on_time(&mut self) {
        let now = sys::boot_ms();
        for answer in self.probes.expire(now) {
            self.feed(answer);
        }
        if !self.clearing.is_empty() {
            self.look_at_clearing();
        }
        if self.supervisor.next_ms().is_some_and(|at| at <= now) {
            self.feed(Event::Tick);
        }
        self.logs.flush_due(now);
        self.look_at_trial(now);
    }
}

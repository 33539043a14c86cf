//! The trial of the running generation, as a pure machine: reports and the clock go in, verdicts come out.
//!
//! Healthy for a while, then one complete read of the slot, then the node's word that the state's ledger knows of the
//! blessing: blessed. Not healthy when the deadline passes: expired. A
//! generation that is healthy at the deadline may finish. Nothing here knows the record: `slots` decides whether there
//! is a trial at all, and what follows from a verdict.

use slots::Reason;
use sys::Exit;

/// How long a node must be healthy without a break, in milliseconds.
const STEADY_MS: u64 = 30_000;
/// When a generation must be healthy, in milliseconds since the kernel started, unless the node says so.
const DEADLINE_MS: u64 = 600_000;
/// A report older than this counts no more: `noded` sends one every few seconds.
const STALE_MS: u64 = 60_000;
/// After so many readings that said nothing (killed for want of memory, as a rule) there is no further one.
const READINGS: u8 = 5;
/// How long in milliseconds the node has to say that the state's ledger knows of the blessing.
const SEAL_MS: u64 = 120_000;
/// Pause after such a reading: want of memory may pass.
const AGAIN_MS: u64 = 30_000;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Wait,
    /// Read both parts of the slot.
    Read,
    /// The generation has proven itself.
    Bless,
    /// The generation has failed.
    Expire(Reason),
}

/// How far the reading of the slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    UnderWay,
    Sound,
    Rotten,
}

/// A trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gate {
    deadline_ms: u64,
    reported_ms: Option<u64>,
    healthy_since: Option<u64>,
    was_healthy: bool,
    problem: String,
    reading: Reading,
    /// Readings that ended without a word on the slot, and when the next one may begin.
    unfinished: u8,
    again_ms: u64,
    /// The ledger of the state counts what this generation writes as a blessed one's.
    sealed: bool,
    /// When that must be so at the latest.
    seal_by_ms: Option<u64>,
    expired: bool,
}

impl Gate {
    /// A trial of which nothing was reported yet.
    pub(super) fn new() -> Gate {
        Gate {
            deadline_ms: DEADLINE_MS,
            reported_ms: None,
            healthy_since: None,
            was_healthy: false,
            problem: "no report from noded yet".to_owned(),
            reading: Reading::Open,
            unfinished: 0,
            again_ms: 0,
            sealed: false,
            seal_by_ms: None,
            expired: false,
        }
    }

    /// Takes a report; `problem` is absent when the node is healthy.
    pub(super) fn report(&mut self, problem: Option<String>, deadline_secs: Option<u32>, now: u64) {
        self.reported_ms = Some(now);
        if let Some(secs) = deadline_secs {
            self.deadline_ms = u64::from(secs) * 1000;
        }
        match problem {
            None => {
                self.healthy_since.get_or_insert(now);
                self.was_healthy = true;
            }
            Some(problem) => {
                self.healthy_since = None;
                self.problem = problem;
            }
        }
    }

    /// The ledger of the state knows that this generation is about to be blessed.
    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    /// The slot is being read.
    pub(super) fn reading(&mut self) {
        self.reading = Reading::UnderWay;
    }

    /// The reading has ended: exit code 0 means sound, 1 damaged; all else says nothing of the slot.
    pub(super) fn was_read(&mut self, exit: Exit, now: u64) {
        self.reading = match exit {
            Exit::Code(0) => Reading::Sound,
            Exit::Code(1) => Reading::Rotten,
            Exit::Code(_) | Exit::Signal(_) => {
                self.unfinished = self.unfinished.saturating_add(1);
                self.again_ms = now + AGAIN_MS;
                Reading::Open
            }
        };
    }

    /// Decides what is to be done now. [`Verdict::Expire`] comes once.
    pub(super) fn step(&mut self, now: u64) -> Verdict {
        if self.is_stale(now) && self.healthy_since.take().is_some() {
            "noded does not report".clone_into(&mut self.problem);
        }
        let steady = self.healthy_since.is_some_and(|since| now >= since + STEADY_MS);
        match (self.reading, steady) {
            (Reading::Rotten, _) => self.expire(Reason::Rotten),
            (Reading::Open, true) if self.unfinished >= READINGS => self.expire(Reason::Health),
            (Reading::Open, true) if now >= self.again_ms => Verdict::Read,
            (Reading::Sound, true) if self.sealed => Verdict::Bless,
            (Reading::Sound, true) if now >= *self.seal_by_ms.get_or_insert(now + SEAL_MS) => {
                self.expire(Reason::Health)
            }
            _ if self.healthy_since.is_some() || now < self.deadline_ms => Verdict::Wait,
            _ if self.was_healthy => self.expire(Reason::Health),
            _ => self.expire(Reason::Deadline),
        }
    }

    fn expire(&mut self, reason: Reason) -> Verdict {
        if std::mem::replace(&mut self.expired, true) { Verdict::Wait } else { Verdict::Expire(reason) }
    }

    /// Returns when [`Gate::step`] is due although nothing was reported.
    pub(super) fn next_ms(&self, now: u64) -> Option<u64> {
        let steady = self.healthy_since.map(|since| since + STEADY_MS);
        let stale = self.reported_ms.map(|at| at + STALE_MS);
        [steady, stale, Some(self.again_ms), self.seal_by_ms, Some(self.deadline_ms)]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
    }

    /// Returns whether `noded` has reported once and does no more.
    pub(super) fn is_stale(&self, now: u64) -> bool {
        self.reported_ms.is_some_and(|at| now >= at + STALE_MS)
    }

    /// Returns how the trial goes.
    pub(super) fn status(&self, now: u64) -> control::Trial {
        let waits_for = match (self.reading, self.healthy_since) {
            (Reading::Rotten, _) => "the slot is damaged".to_owned(),
            (_, None) => self.problem.clone(),
            (Reading::Open, _) if self.unfinished >= READINGS => {
                format!("the slot could not be read to its end, {READINGS} times")
            }
            (Reading::Sound, Some(since)) if !self.sealed && now >= since + STEADY_MS => {
                "the state's ledger to know of the blessing".to_owned()
            }
            (Reading::UnderWay, _) => "both parts of the slot are being read".to_owned(),
            (_, Some(_)) => format!("healthy for {} s without a break", STEADY_MS / 1000),
        };
        control::Trial {
            left_ms: self.deadline_ms.saturating_sub(now),
            healthy_since_ms: self.healthy_since,
            seal: self.reading == Reading::Sound
                && self.healthy_since.is_some_and(|since| now >= since + STEADY_MS),
            waits_for,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1000;

    fn sick() -> Option<String> {
        Some("kubelet is not ready".to_owned())
    }

    /// Reports every five seconds from `from` to `to` seconds; returns the verdict of the last step.
    fn live(gate: &mut Gate, problem: &Option<String>, (from, to): (u64, u64)) -> Verdict {
        let mut verdict = Verdict::Wait;
        for secs in (from..=to).step_by(5) {
            gate.report(problem.clone(), None, secs * SECOND);
            verdict = gate.step(secs * SECOND);
        }
        verdict
    }

    #[test]
    fn blesses_after_steady_health_and_a_sound_slot() {
        let mut gate = Gate::new();
        assert_eq!(live(&mut gate, &sick(), (20, 50)), Verdict::Wait);
        assert_eq!(live(&mut gate, &None, (55, 80)), Verdict::Wait);
        assert_eq!(live(&mut gate, &None, (85, 85)), Verdict::Read);
        gate.reading();
        assert_eq!(live(&mut gate, &None, (90, 600)), Verdict::Wait, "the read may last beyond the deadline");
        gate.was_read(Exit::Code(0), 0);
        assert!(!gate.status(84 * SECOND).seal && gate.status(605 * SECOND).seal);
        assert_eq!(live(&mut gate, &None, (605, 605)), Verdict::Wait, "the ledger must know first");
        gate.seal();
        assert_eq!(live(&mut gate, &None, (610, 610)), Verdict::Bless);
    }

    #[test]
    fn a_state_whose_ledger_cannot_be_written_ends_the_trial() {
        let mut gate = Gate::new();
        gate.reading();
        gate.was_read(Exit::Code(0), 0);
        assert_eq!(live(&mut gate, &None, (10, 40)), Verdict::Wait);
        assert_eq!(gate.next_ms(41 * SECOND), Some(100 * SECOND));
        assert_eq!(live(&mut gate, &None, (45, 155)), Verdict::Wait);
        assert_eq!(live(&mut gate, &None, (160, 160)), Verdict::Expire(Reason::Health));
    }

    #[test]
    fn a_break_starts_the_time_anew() {
        let mut gate = Gate::new();
        assert_eq!(live(&mut gate, &None, (10, 35)), Verdict::Wait);
        assert_eq!(live(&mut gate, &sick(), (36, 36)), Verdict::Wait);
        assert_eq!(live(&mut gate, &None, (37, 62)), Verdict::Wait);
        assert_eq!(live(&mut gate, &None, (67, 67)), Verdict::Read);
    }

    #[test]
    fn the_deadline_passes_once_and_says_why() {
        type Life = &'static [(u64, u64, bool)];
        let cases: [(Life, Reason); 3] = [
            (&[], Reason::Deadline),
            (&[(20, 595, false)], Reason::Deadline),
            (&[(20, 40, true), (45, 595, false)], Reason::Health),
        ];
        for (life, reason) in cases {
            let mut gate = Gate::new();
            for (from, to, healthy) in life {
                let problem = if *healthy { None } else { sick() };
                assert_eq!(live(&mut gate, &problem, (*from, *to)), Verdict::Wait);
            }
            assert_eq!(gate.step(599_999), Verdict::Wait);
            assert_eq!(gate.step(600_000), Verdict::Expire(reason));
            assert_eq!(gate.step(600_001), Verdict::Wait);
        }
    }

    #[test]
    fn health_after_a_deadline_that_led_nowhere_still_counts() {
        let mut gate = Gate::new();
        assert_eq!(gate.step(600_000), Verdict::Expire(Reason::Deadline));
        assert_eq!(live(&mut gate, &None, (700, 730)), Verdict::Read);
    }

    #[test]
    fn the_node_may_name_another_deadline() {
        let mut gate = Gate::new();
        gate.report(sick(), Some(120), 50 * SECOND);
        assert_eq!(gate.step(119 * SECOND), Verdict::Wait);
        assert_eq!(gate.step(120 * SECOND), Verdict::Expire(Reason::Deadline));
    }

    #[test]
    fn silence_is_no_health() {
        let mut gate = Gate::new();
        gate.report(None, None, 40 * SECOND);
        assert_eq!(gate.step(70 * SECOND), Verdict::Read);
        gate.reading();
        gate.was_read(Exit::Code(0), 0);
        assert!(!gate.is_stale(99 * SECOND) && gate.is_stale(100 * SECOND));
        assert_eq!(gate.step(100 * SECOND), Verdict::Wait);
        assert_eq!(gate.status(100 * SECOND).waits_for, "noded does not report");
        assert_eq!(gate.step(600 * SECOND), Verdict::Expire(Reason::Health));
    }

    #[test]
    fn a_reader_that_was_killed_says_nothing_and_reads_again_later() {
        let mut gate = Gate::new();
        gate.reading();
        gate.was_read(Exit::Signal(9), 35 * SECOND);
        assert_eq!(live(&mut gate, &None, (10, 60)), Verdict::Wait);
        assert_eq!(gate.next_ms(60 * SECOND), Some(65 * SECOND));
        assert_eq!(live(&mut gate, &None, (65, 65)), Verdict::Read);
    }

    #[test]
    fn a_slot_that_can_never_be_read_to_its_end_fails() {
        let mut gate = Gate::new();
        let times = [40, 70, 100, 130, 160];
        for at in times {
            assert_eq!(live(&mut gate, &None, (at - 30, at)), Verdict::Read);
            gate.reading();
            gate.was_read(Exit::Signal(9), at * SECOND);
        }
        assert_eq!(gate.step(161 * SECOND), Verdict::Expire(Reason::Health));
        assert_eq!(gate.step(162 * SECOND), Verdict::Wait);
        let said = gate.status(162 * SECOND).waits_for;
        assert_eq!(said, "the slot could not be read to its end, 5 times");
    }

    #[test]
    fn a_rotten_slot_fails_at_once() {
        let mut gate = Gate::new();
        gate.reading();
        gate.was_read(Exit::Code(1), 0);
        assert_eq!(gate.step(1), Verdict::Expire(Reason::Rotten));
        assert_eq!(gate.step(2), Verdict::Wait);
    }

    #[test]
    fn sleeps_until_something_can_change() {
        let mut gate = Gate::new();
        assert_eq!(gate.next_ms(0), Some(600_000));
        gate.report(None, None, 40 * SECOND);
        assert_eq!(gate.next_ms(40 * SECOND), Some(70 * SECOND));
        assert_eq!(gate.next_ms(70 * SECOND), Some(100 * SECOND));
        assert_eq!(gate.next_ms(700 * SECOND), None);
    }
}

//! The boot record while the node runs: answer, bless, expire, settle, and orders.
//!
//! The [`gate`](gate::Gate) decides when, `slots` decides what; here are the effects: the record's sector, a child
//! that reads the slot, a reboot.

mod gate;
mod keep;
mod order;
mod reader;
mod rotten;
mod status;

use slots::{Expired, Reason, Record, Running};

use super::Runner;
use crate::early::Booted;
use crate::record::BootRecord;
use control::ShutdownKind;
use gate::{Gate, Verdict};
use reader::Reader;

/// How long in milliseconds a run must last to count as a good one.
const SETTLED_MS: u64 = 600_000;

/// What is known of record and trial.
#[derive(Debug)]
pub(super) struct Trial {
    /// Absent when the disk has none.
    record: Option<BootRecord>,
    gate: Gate,
    reader: Reader,
    /// The boot loader was told that the node runs.
    answered: bool,
    settle_ms: u64,
    /// The watchdogs are not fed any more.
    starving: bool,
    /// The logs of a generation that has failed, to be written when everything has ended.
    failed: Option<keep::Kept>,
}

impl Default for Trial {
    fn default() -> Trial {
        Trial {
            record: None,
            gate: Gate::new(),
            reader: Reader::default(),
            answered: false,
            settle_ms: SETTLED_MS,
            starving: false,
            failed: None,
        }
    }
}

impl Trial {
    /// Returns whether the running generation has to prove itself.
    fn is_on(&self) -> bool {
        self.record.as_ref().is_some_and(|r| slots::bless(r.record(), r.running()).is_ok())
    }

    /// Returns what a decision makes of the record.
    fn decided<T>(&self, decide: impl FnOnce(&Record, Running) -> T) -> Option<T> {
        self.record.as_ref().map(|r| decide(r.record(), r.running()))
    }

    /// Returns the running generation; 0 if unknown.
    fn generation(&self) -> u32 {
        self.record.as_ref().map_or(0, |r| r.running().generation)
    }
}

impl Runner<'_> {
    /// Reads the record of the disk that runs. Nothing waits for it: the services have been started.
    pub(super) fn open_record(&mut self, booted: &Booted) {
        self.trial.reader = Reader::of(booted.verified.clone());
        let record = match BootRecord::open(&booted.root) {
            Ok(record) => record,
            Err(error) => return self.base.voice.error(&format!("there is no boot record: {error:#}")),
        };
        let Running { slot, generation, why } = record.running();
        self.base.voice.info(&format!("slot {slot}, generation {generation}, started because: {why}"));
        if record.is_rebuilt() {
            self.base.voice.error("both boot records were lost, a new one will be written");
        }
        self.trial.record = Some(record);
        // Damage to a writable partition is no fault of the generation: it must not cost a try.
        if booted.condition.state.is_some() {
            self.answer_loader();
        }
    }

    /// Takes a report on the node's health. The first one says that the node runs.
    pub(super) fn on_health(&mut self, problem: Option<String>, deadline_secs: Option<u32>) {
        self.answer_loader();
        self.trial.gate.report(problem, deadline_secs, sys::boot_ms());
    }

    /// Tells the boot loader, once, that this start was a good one.
    fn answer_loader(&mut self) {
        if self.trial.answered {
            return;
        }
        if let Some(next) = self.trial.decided(slots::answer) {
            self.trial.answered = self.write_record(next);
        }
    }

    /// Does what is due now.
    pub(super) fn look_at_trial(&mut self, now: u64) {
        if self.leaving.is_some() {
            return;
        }
        if !self.trial.is_on() {
            if now >= self.trial.settle_ms {
                self.trial.settle_ms = u64::MAX;
                self.settle();
            }
            return;
        }
        match self.trial.gate.step(now) {
            Verdict::Wait => {}
            Verdict::Read => self.start_reading(),
            Verdict::Bless => self.bless(),
            Verdict::Expire(reason) => self.expire(reason),
        }
    }

    /// Returns when something is due.
    pub(super) fn trial_next_ms(&self, now: u64) -> Option<u64> {
        if self.leaving.is_some() || self.trial.record.is_none() {
            return None;
        }
        let settle = (self.trial.settle_ms != u64::MAX).then_some(self.trial.settle_ms);
        if self.trial.is_on() { self.trial.gate.next_ms(now) } else { settle }
    }

    /// Returns whether the watchdogs may be fed: on trial only as long as `noded` reports.
    pub(super) fn may_feed(&mut self, now: u64) -> bool {
        let starving = self.leaving.is_none() && self.trial.is_on() && self.trial.gate.is_stale(now);
        if starving && !self.trial.starving {
            self.base.voice.error("noded does not report on trial: the watchdogs are no longer fed");
            // The boot loader was answered, so it would find nothing wrong with this start.
            let note = |record: &Record, running: Running| slots::note(record, running.slot, Reason::Health);
            if let Some(next) = self.trial.decided(note) {
                self.write_record(next);
            }
        }
        self.trial.starving = starving;
        !starving
    }

    /// Notes that this run was a good one, if that is news.
    fn settle(&mut self) {
        if let Some(next) = self.trial.decided(slots::settle).flatten() {
            self.write_record(next);
        }
    }

    fn bless(&mut self) {
        if let Some(Ok(next)) = self.trial.decided(slots::bless)
            && self.write_record(next)
        {
            self.base.voice.info(&format!("generation {} is blessed", self.trial.generation()));
        }
    }

    /// Ends a trial without success: another generation gets its turn, if there is one.
    fn expire(&mut self, reason: Reason) {
        let problem = self.trial.gate.status(sys::boot_ms()).waits_for;
        let generation = self.trial.generation();
        self.base.voice.error(&format!("generation {generation} has failed its trial ({reason}): {problem}"));
        match self.trial.decided(|record, running| slots::expire(record, running, reason)) {
            Some(Expired::Reboot(next)) => {
                // A record that can't be written is no reason to stay: this start has cost a try.
                self.write_record(next);
                // Services that have ended take their logs with them.
                self.trial.failed = Some(self.take_logs(generation));
                self.begin_shutdown(ShutdownKind::Reboot, "trial failed");
            }
            Some(Expired::Stay) | None => {
                self.base.voice.error("it keeps running: there is no other generation to start");
            }
        }
    }

    /// Everything has ended: what is left to be written about this run.
    pub(super) fn end_trial(&mut self) {
        self.settle();
        if let Some(kept) = self.trial.failed.take() {
            self.keep_failed(kept);
        }
    }

    /// Writes a record; false, and said, if that fails.
    fn write_record(&mut self, next: Record) -> bool {
        let Some(record) = &mut self.trial.record else { return false };
        let written = record.write(next);
        self.said(written).is_some()
    }
}

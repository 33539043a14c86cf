//! The boot record while the node runs: answer, bless, expire, settle, and orders.
//!
//! The [`gate`](gate::Gate) decides when, `slots` decides what; here are the effects on the record's sector. A child
//! that reads the slot and a reboot are asked of the caller ([`Due`]).

mod gate;
mod keep;
mod order;
mod reader;
mod rotten;
mod status;

use std::os::fd::BorrowedFd;

use control::{BootOrder, BootStatus, LogLine, Reply};
use slots::{Expired, Reason, Record, Running, Slot};
use sys::Exit;

use crate::early::Booted;
use crate::record::BootRecord;
use crate::voice::{Voice, shortened};
use gate::{Gate, Verdict};
use keep::Kept;
use reader::Reader;

/// How long in milliseconds a run must last to count as a good one.
const SETTLED_MS: u64 = 600_000;
/// Longest text of a problem in bytes.
const MAX_PROBLEM_BYTES: usize = 500;
/// How a child ends that could not be started.
const NOT_STARTED: Exit = Exit::Code(127);

/// What the trial wants done by those who can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Start the reading of the slot: [`Trial::read`].
    Read,
    /// Keep the logs ([`Trial::keep_logs`]) and reboot: the generation has failed.
    Reboot,
}

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
    failed: Option<Kept>,
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
    /// Reads the record of the disk that runs.
    pub(super) fn open(booted: &Booted, voice: &mut Voice) -> Trial {
        let mut trial = Trial { reader: Reader::of(booted.verified.clone()), ..Trial::default() };
        let record = match BootRecord::open(&booted.root) {
            Ok(record) => record,
            Err(error) => {
                voice.error(&format!("there is no boot record: {error:#}"));
                return trial;
            }
        };
        let Running { slot, generation, why } = record.running();
        voice.info(&format!("slot {slot}, generation {generation}, started because: {why}"));
        if record.is_rebuilt() {
            voice.error("both boot records were lost, a new one will be written");
        }
        trial.record = Some(record);
        // Damage to a writable partition is no fault of the generation: it must not cost a try.
        if booted.condition.state.is_some() {
            trial.answer_loader(voice);
        }
        trial
    }

    /// Returns whether the running generation has to prove itself.
    fn is_on(&self) -> bool {
        self.record.as_ref().is_some_and(|r| slots::bless(r.record(), r.running()).is_ok())
    }

    /// Returns what a decision makes of the record.
    fn decided<T>(&self, decide: impl FnOnce(&Record, Running) -> T) -> Option<T> {
        self.record.as_ref().map(|r| decide(r.record(), r.running()))
    }

    /// Returns the running generation; 0 if unknown.
    pub(super) fn generation(&self) -> u32 {
        self.record.as_ref().map_or(0, |r| r.running().generation)
    }

    /// Returns what the record says; `None` when the disk has none.
    pub(super) fn status(&self) -> Option<BootStatus> {
        let record = self.record.as_ref()?;
        Some(status::of(record, Some(&self.gate).filter(|_| self.is_on())))
    }

    /// Takes a report on the node's health. The first one says that the node runs.
    pub(super) fn on_health(
        &mut self,
        problem: Option<String>,
        deadline_secs: Option<u32>,
        voice: &mut Voice,
    ) {
        self.answer_loader(voice);
        let problem = problem.map(|text| shortened(&text, MAX_PROBLEM_BYTES).to_owned());
        self.gate.report(problem, deadline_secs, sys::boot_ms());
    }

    /// Tells the boot loader, once, that this start was a good one.
    fn answer_loader(&mut self, voice: &mut Voice) {
        if self.answered {
            return;
        }
        if let Some(next) = self.decided(slots::answer) {
            self.answered = self.write_record(next, voice);
        }
    }

    /// Does what is due now; returns what only others can do.
    pub(super) fn look(&mut self, now: u64, voice: &mut Voice) -> Option<Due> {
        if !self.is_on() {
            if now >= self.settle_ms {
                self.settle_ms = u64::MAX;
                self.settle(voice);
            }
            return None;
        }
        match self.gate.step(now) {
            Verdict::Wait => None,
            Verdict::Read => Some(Due::Read),
            Verdict::Bless => {
                self.bless(voice);
                None
            }
            Verdict::Expire(reason) => self.expire(reason, voice),
        }
    }

    /// Returns when something is due.
    pub(super) fn next_ms(&self, now: u64) -> Option<u64> {
        self.record.as_ref()?;
        let settle = (self.settle_ms != u64::MAX).then_some(self.settle_ms);
        if self.is_on() { self.gate.next_ms(now) } else { settle }
    }

    /// Returns whether the watchdogs may be fed: on trial only as long as `noded` reports.
    pub(super) fn may_feed(&mut self, now: u64, voice: &mut Voice) -> bool {
        let starving = self.is_on() && self.gate.is_stale(now);
        if starving && !self.starving {
            voice.error("noded does not report on trial: the watchdogs are no longer fed");
            // The boot loader was answered, so it would find nothing wrong with this start.
            let note = |record: &Record, running: Running| slots::note(record, running.slot, Reason::Health);
            if let Some(next) = self.decided(note) {
                self.write_record(next, voice);
            }
        }
        self.starving = starving;
        !starving
    }

    /// Starts the reading of the slot, with its output where `output` goes.
    pub(super) fn read(&mut self, output: anyhow::Result<BorrowedFd<'_>>, voice: &mut Voice) {
        let kernel = self.record.as_ref().map(|r| r.kernel().to_owned()).unwrap_or_default();
        let started = output.and_then(|output| self.reader.start(&kernel, output));
        match voice.said(started) {
            Some(()) => self.gate.reading(),
            None => self.gate.was_read(NOT_STARTED, sys::boot_ms()),
        }
    }

    /// Takes the end of the child with this number; returns whether it was the reading one.
    pub(super) fn ended(&mut self, pid: u32, exit: Exit, voice: &mut Voice) -> bool {
        let Some(how) = self.reader.ended(pid, exit) else { return false };
        self.gate.was_read(exit, sys::boot_ms());
        if exit != Exit::Code(0) {
            voice.error(&format!("reading the running slot ended with {how}"));
        }
        true
    }

    /// Carries an order out.
    pub(super) fn order(&mut self, order: &BootOrder, voice: &mut Voice) -> Reply {
        match self.decide_order(order) {
            Ok((next, reply)) if self.write_record(next, voice) => reply,
            Ok(_) => Reply::Error { message: "the boot record cannot be written".to_owned() },
            Err(refused) => refused.into(),
        }
    }

    /// Says whether an update may begin; the record stays as it is.
    pub(super) fn may_update(&self) -> Reply {
        self.decide_order(&BootOrder::BeginUpdate).map_or_else(Into::into, |_| Reply::Ok)
    }

    /// Returns the record that an order leads to and the answer once it is written, or the answer that nothing
    /// changes.
    fn decide_order(&self, order: &BootOrder) -> Result<(Record, Reply), order::Refused> {
        let decided = self.decided(|record, running| order::decide(order, record, running));
        let missing = || order::Refused::new("the disk has no boot record", "write a newer image to it");
        decided.ok_or_else(missing)?
    }

    /// Notes that a part of the slot with this generation is damaged.
    pub(super) fn note_rotten(
        &mut self,
        slot: Slot,
        generation: u32,
        voice: &mut Voice,
    ) -> Result<(), String> {
        let next = self.decided(|record, _| rotten::note(record, slot, generation));
        match next.ok_or("the disk has no boot record")?? {
            Some(next) if !self.write_record(next, voice) => {
                Err("the boot record cannot be written".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Notes that this run was a good one, if that is news.
    fn settle(&mut self, voice: &mut Voice) {
        if let Some(next) = self.decided(slots::settle).flatten() {
            self.write_record(next, voice);
        }
    }

    fn bless(&mut self, voice: &mut Voice) {
        if let Some(Ok(next)) = self.decided(slots::bless)
            && self.write_record(next, voice)
        {
            voice.info(&format!("generation {} is blessed", self.generation()));
        }
    }

    /// Ends a trial without success: another generation gets its turn, if there is one.
    fn expire(&mut self, reason: Reason, voice: &mut Voice) -> Option<Due> {
        let problem = self.gate.status(sys::boot_ms()).waits_for;
        let generation = self.generation();
        voice.error(&format!("generation {generation} has failed its trial ({reason}): {problem}"));
        match self.decided(|record, running| slots::expire(record, running, reason)) {
            Some(Expired::Reboot(next)) => {
                // A record that can't be written is no reason to stay: this start has cost a try.
                self.write_record(next, voice);
                Some(Due::Reboot)
            }
            Some(Expired::Stay) | None => {
                voice.error("it keeps running: there is no other generation to start");
                None
            }
        }
    }

    /// Keeps the logs of this generation, which has failed, to be written when everything has ended.
    pub(super) fn keep_logs(&mut self, logs: Vec<(String, Vec<LogLine>)>) {
        self.failed = Some(Kept { generation: self.generation(), logs });
    }

    /// Returns whether the generation has failed and its logs are still to be written.
    pub(super) const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Everything has ended: writes what is left to be written about this run. `kernel` is the name and the lines of
    /// the kernel's log, for a generation that has failed.
    pub(super) fn end(&mut self, kernel: (String, Vec<LogLine>), voice: &mut Voice) {
        self.settle(voice);
        if let Some(mut kept) = self.failed.take() {
            kept.logs.push(kernel);
            voice.said(kept.write());
        }
    }

    /// Writes a record; false, and said, if that fails.
    fn write_record(&mut self, next: Record, voice: &mut Voice) -> bool {
        let Some(record) = &mut self.record else { return false };
        let written = record.write(next);
        voice.said(written).is_some()
    }
}

//! The boot record while the node runs: answer, bless, expire, settle, and orders.
//!
//! The [`gate`](gate::Gate) decides when, `slots` decides what. The record's sector is written by the process that
//! writes to the disks, and nothing waits for it: what is wanted meanwhile waits in [`wish`]. A child that reads the
//! slot, answers and a reboot are asked of the caller ([`Due`]).

mod gate;
mod order;
mod reader;
mod rotten;
mod status;
mod wish;

use std::os::fd::BorrowedFd;

use control::{BootOrder, BootStatus, LogLine, Reply};
use slots::{Expired, Flags, Partition, Reason, Record, Running, Slot};
use sys::Exit;

use crate::base::Base;
use crate::disk::{Disk, Done};
use crate::early::Booted;
use crate::record::BootRecord;
use crate::voice::{Voice, shortened};
use gate::{Gate, Verdict};
use reader::Reader;
use wish::{Wish, Wishes, Writing};

/// How long in milliseconds a run must last to count as a good one.
const SETTLED_MS: u64 = 600_000;
/// How long in milliseconds the record of a failed generation may take to be written: it reboots without it then, if
/// that can't go on for ever.
const REBOOT_LIMIT_MS: u64 = 10_000;
/// How long in milliseconds a client waits for its order at most; it has less patience than ten seconds.
const LATE_MS: u64 = 8_000;
/// Pause in milliseconds after a blessing that could not be written.
const BLESS_AGAIN_MS: u64 = 5_000;
/// Longest text of a problem in bytes.
const MAX_PROBLEM_BYTES: usize = 500;
/// What is said of a generation that is kept although its trial has ended without health.
const KEPT: &str =
    "keeps running unblessed: no reboot leads to a better one; it is blessed when it gets healthy";
/// How a child ends that could not be started.
const NOT_STARTED: Exit = Exit::Code(127);

/// What the trial wants done by those who can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Keep the logs ([`Trial::keep_logs`]) and reboot: the generation has failed.
    Reboot,
    /// Answer a client.
    Reply(u32, Reply),
}

/// What is known of record and trial.
#[derive(Debug)]
pub(super) struct Trial {
    /// Absent when the disk has none.
    record: Option<BootRecord>,
    gate: Gate,
    reader: Reader,
    wishes: Wishes,
    /// The boot loader was told that the node runs, or is about to be.
    answered: bool,
    /// No blessing is tried before.
    bless_ms: u64,
    /// When a generation that has failed reboots, whether or not the record says so.
    reboot_ms: Option<u64>,
    settle_ms: u64,
    /// The watchdogs are not fed any more.
    starving: bool,
    /// The logs of a generation that has failed, to be written when everything has ended.
    failed: Option<FailedLogs>,
}

/// A generation and its logs, by name.
pub(super) type FailedLogs = (u32, Vec<(String, Vec<LogLine>)>);

impl Default for Trial {
    fn default() -> Trial {
        Trial {
            record: None,
            gate: Gate::new(),
            reader: Reader::default(),
            wishes: Wishes::default(),
            answered: false,
            bless_ms: 0,
            reboot_ms: None,
            settle_ms: SETTLED_MS,
            starving: false,
            failed: None,
        }
    }
}

impl Trial {
    /// Reads the record of the disk that runs.
    pub(super) fn open(booted: &Booted, base: &mut Base) -> Trial {
        let mut trial = Trial { reader: Reader::of(booted.verified.clone()), ..Trial::default() };
        if booted.condition.medium.is_some() {
            return trial;
        }
        let record = BootRecord::open(base, &booted.root);
        let voice = &mut base.voice;
        let record = match record {
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
        // Damage to a writable partition is no fault of the generation: it must not cost a try, whatever becomes of the
        // node's answer.
        if !booted.condition.has(Partition::State) {
            trial.answer_loader();
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
        let mut status = status::of(record, Some(&self.gate).filter(|_| self.is_on()));
        let kept = record.record().slots.get(record.running().slot).is_kept();
        if let Some(trial) = status.trial.as_mut().filter(|_| kept) {
            trial.waits_for = format!("{}; it {KEPT}", trial.waits_for);
        }
        Some(status)
    }

    /// Takes a report on the node's health. The first one says that the node runs.
    pub(super) fn on_health(&mut self, problem: Option<String>, deadline_secs: Option<u32>) {
        self.answer_loader();
        let problem = problem.map(|text| shortened(&text, MAX_PROBLEM_BYTES).to_owned());
        self.gate.report(problem, deadline_secs, sys::boot_ms());
    }

    /// Takes the word that the state's ledger knows of the blessing to come.
    pub(super) fn on_sealed(&mut self) {
        self.gate.seal();
    }

    /// Tells the boot loader, once, that this start was a good one.
    fn answer_loader(&mut self) {
        if !self.answered && self.record.is_some() {
            self.answered = true;
            self.wishes.add(Wish::Answer, sys::boot_ms());
        }
    }

    /// Looks at what is due now; returns whether the slot is to be read ([`Trial::read`]).
    pub(super) fn look(&mut self, now: u64, voice: &mut Voice) -> bool {
        if !self.is_on() {
            if now >= self.settle_ms {
                self.settle_ms = u64::MAX;
                self.wishes.add(Wish::Settle, now);
            }
            return false;
        }
        match self.gate.step(now) {
            Verdict::Wait => {}
            Verdict::Read => return true,
            Verdict::Bless if now < self.bless_ms => {}
            Verdict::Bless => self.wishes.add(Wish::Bless, now),
            Verdict::Expire(reason) => {
                let problem = self.gate.status(now).waits_for;
                let generation = self.generation();
                voice.error(&format!("generation {generation} has failed its trial ({reason}): {problem}"));
                self.reboot_ms = Some(now + REBOOT_LIMIT_MS);
                self.wishes.add(Wish::Expire(reason), now);
            }
        }
        false
    }

    /// Has the next record written, if none is on its way; returns what others have to do.
    pub(super) fn advance(&mut self, now: u64, disk: &mut Disk, voice: &mut Voice) -> Vec<Due> {
        let mut due = Vec::new();
        while let Some((wish, since)) = self.wishes.take() {
            let (next, reply) = self.decide(&wish);
            match next {
                Some(next) => {
                    if matches!(wish, Wish::Expire(_)) && self.is_kept_by(&next) {
                        self.reboot_ms = None;
                        voice.error(&format!("generation {} {KEPT}", self.generation()));
                    }
                    if let Some(record) = &self.record {
                        let (path, offset, sector) = record.sector(&next);
                        disk.record(path, offset, sector);
                    }
                    self.wishes.write(Writing { wish, next, reply, told: false }, since);
                }
                None => {
                    if matches!(wish, Wish::Expire(_)) {
                        self.reboot_ms = None;
                        voice.error("it keeps running: it is blessed, or there is no record of it");
                    }
                    due.extend(wish.client().map(|client| Due::Reply(client, reply)));
                }
            }
        }
        let late = now.checked_sub(LATE_MS).map(|before| self.wishes.take_late(before)).unwrap_or_default();
        due.extend(late.into_iter().map(|(client, taken_back)| Due::Reply(client, too_late(taken_back))));
        if self.reboot_ms.is_some_and(|at| at <= now) {
            due.extend(self.reboot_unwritten(voice));
        }
        due
    }

    /// Returns whether a record has the running generation go on although its trial has ended without health.
    fn is_kept_by(&self, record: &Record) -> bool {
        let entry = self.record.as_ref().map(|r| record.slots.get(r.running().slot));
        entry.is_some_and(|e| e.flags.has(Flags::EXPIRED) && e.tries_left > 0)
    }

    /// Reboots a generation that has failed although the record does not say so, unless it would be started again, for
    /// ever.
    fn reboot_unwritten(&mut self, voice: &mut Voice) -> Option<Due> {
        self.reboot_ms.take()?;
        if self.decided(slots::may_reboot_unwritten).unwrap_or_default() {
            return Some(Due::Reboot);
        }
        voice.error("it keeps running: without a record the boot loader would start it again, for ever");
        None
    }

    /// Returns whether a record is on its way to the disk, or waits to be.
    pub(super) fn is_writing(&self) -> bool {
        !self.wishes.is_empty()
    }

    /// Returns whether a record is on its way to the disk.
    pub(super) const fn awaits_disk(&self) -> bool {
        self.wishes.is_under_way()
    }

    /// Takes what became of the record that was on its way; returns what others have to do.
    pub(super) fn written(&mut self, done: Done, voice: &mut Voice) -> Option<Due> {
        let writing = self.wishes.written()?;
        let ok = done.error.is_none();
        match done.error {
            None => {
                if let Some(record) = &mut self.record {
                    record.was_written(writing.next);
                }
            }
            Some(error) => voice.error(&error),
        }
        match writing.wish {
            Wish::Answer => self.answered = ok,
            Wish::Bless if ok => voice.info(&format!("generation {} is blessed", self.generation())),
            Wish::Bless => self.bless_ms = sys::boot_ms() + BLESS_AGAIN_MS,
            Wish::Expire(_) if ok => return self.reboot_ms.take().map(|_| Due::Reboot),
            Wish::Expire(_) => return self.reboot_unwritten(voice),
            Wish::Order(client, _) | Wish::Rotten(client, ..) if !writing.told => {
                let failed = || Reply::Error { message: "the boot record cannot be written".to_owned() };
                return Some(Due::Reply(client, if ok { writing.reply } else { failed() }));
            }
            Wish::Starving | Wish::Settle | Wish::Order(..) | Wish::Rotten(..) => {}
        }
        None
    }

    /// Returns the record that a wish leads to, if it changes anything, and the answer once that is written.
    fn decide(&self, wish: &Wish) -> (Option<Record>, Reply) {
        let next = match wish {
            Wish::Answer => self.decided(slots::answer),
            // The boot loader was answered, so it would find nothing wrong with this start.
            Wish::Starving => self.decided(|r, running| slots::note(r, running.slot, Reason::Health)),
            Wish::Settle => self.decided(slots::settle).flatten(),
            Wish::Bless => self.decided(slots::bless).and_then(Result::ok),
            Wish::Expire(reason) => match self.decided(|r, running| slots::expire(r, running, *reason)) {
                Some(Expired::Reboot(next) | Expired::Keep(next)) => Some(next),
                Some(Expired::Stay) | None => None,
            },
            Wish::Order(_, order) => match self.decide_order(order) {
                Ok((next, reply)) => return (Some(next), reply),
                Err(refused) => return (None, refused.into()),
            },
            Wish::Rotten(_, slot, generation) => {
                let noted = self.decided(|record, _| rotten::note(record, *slot, *generation));
                match noted.unwrap_or_else(|| Err("the disk has no boot record".to_owned())) {
                    Ok(next) => next,
                    Err(message) => return (None, Reply::Error { message }),
                }
            }
        };
        (next, Reply::Ok)
    }

    /// Returns when something is due.
    pub(super) fn next_ms(&self, now: u64) -> Option<u64> {
        self.record.as_ref()?;
        let settle = (self.settle_ms != u64::MAX).then_some(self.settle_ms);
        let gate = if self.is_on() { self.gate.next_ms(now) } else { settle };
        let bless = Some(self.bless_ms).filter(|at| *at > now);
        let late = self.wishes.waits_since().map(|since| since + LATE_MS);
        // Without it, what the silence of `noded` asks for would wait for the next word of somebody.
        let wish = self.wishes.is_ready().then_some(now);
        [gate, bless, late, self.reboot_ms, wish].into_iter().flatten().min()
    }

    /// Returns whether the watchdogs may be fed: on trial only as long as `noded` reports.
    pub(super) fn may_feed(&mut self, now: u64, voice: &mut Voice) -> bool {
        let may = self.decided(slots::may_starve).unwrap_or(true);
        let starving = self.is_on() && self.gate.is_stale(now) && may;
        if starving && !self.starving {
            voice.error("noded does not report on trial: the watchdogs are no longer fed");
            self.wishes.add(Wish::Starving, now);
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

    /// Takes an order of a client, which gets its answer by [`Due::Reply`].
    pub(super) fn order(&mut self, client: u32, order: BootOrder) {
        self.wishes.add(Wish::Order(client, order), sys::boot_ms());
    }

    /// Notes that a part of the slot with this generation is damaged; the client gets its answer by [`Due::Reply`].
    pub(super) fn note_rotten(&mut self, client: u32, slot: Slot, generation: u32) {
        self.wishes.add(Wish::Rotten(client, slot, generation), sys::boot_ms());
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

    /// Keeps the logs of this generation, which has failed, until everything has ended.
    pub(super) fn keep_logs(&mut self, logs: Vec<(String, Vec<LogLine>)>) {
        self.failed = Some((self.generation(), logs));
    }

    /// Everything has ended: notes that this run was a good one, if that is news, and returns the logs of a generation
    /// that has failed.
    pub(super) fn end(&mut self) -> Option<FailedLogs> {
        self.wishes.add(Wish::Settle, sys::boot_ms());
        self.failed.take()
    }
}

/// Returns the answer to an order that a stalled disk holds up.
fn too_late(taken_back: bool) -> Reply {
    let message = match taken_back {
        true => "the disk does not answer: the order was not carried out",
        false => "the disk does not answer: the order is carried out when it does",
    };
    Reply::Error { message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slots::{Entry, Flags, Why};

    /// The trial of generation 2 in slot A, with a blessed one in slot B.
    fn trial() -> Trial {
        let mut record = Record::installed(0);
        record.slots.a.generation = 2;
        let flags = Flags::PRESENT.with(Flags::BLESSED);
        record.slots.b = Entry { generation: 1, flags, ..Entry::default() };
        record.last_start = Some(Slot::A);
        let running = Running { slot: Slot::A, generation: 2, why: Why::HasTries };
        Trial { record: Some(BootRecord::nowhere(record, running)), ..Trial::default() }
    }

    /// A disk to which nothing is ever sent.
    fn stalled() -> Disk {
        Disk::new(0)
    }

    fn failed() -> Done {
        Done { error: Some("no".to_owned()) }
    }

    fn error_of(due: &Due) -> (u32, &str) {
        let Due::Reply(client, Reply::Error { message }) = due else { panic!("{due:?}") };
        (*client, message)
    }

    #[test]
    fn an_order_is_answered_when_its_record_is_on_the_disk() {
        let (mut trial, mut disk, mut voice) = (trial(), stalled(), Voice::default());
        let now = sys::boot_ms();
        trial.order(7, BootOrder::Rollback);
        trial.order(8, BootOrder::BootOnce { slot: None });
        assert_eq!(trial.advance(now, &mut disk, &mut voice), []);
        assert_eq!(trial.status().unwrap().slots[0].entry.flags, Record::installed(0).slots.a.flags);
        let due = trial.written(Done { error: None }, &mut voice);
        assert_eq!(due, Some(Due::Reply(7, Reply::Ok)));
        assert!(trial.status().unwrap().slots[0].entry.is_retired());
        // The next order is decided from the record that counts now.
        assert_eq!(trial.advance(now, &mut disk, &mut voice), []);
        let due = trial.written(failed(), &mut voice).unwrap();
        assert_eq!(error_of(&due), (8, "the boot record cannot be written"));
        assert!(trial.status().unwrap().next.is_none() && !trial.is_writing());
    }

    #[test]
    fn orders_that_a_stalled_disk_holds_up_are_answered() {
        let (mut trial, mut disk, mut voice) = (trial(), stalled(), Voice::default());
        let now = sys::boot_ms();
        trial.order(7, BootOrder::Rollback);
        trial.order(8, BootOrder::Rollback);
        assert_eq!(trial.advance(now, &mut disk, &mut voice), []);
        let late = trial.next_ms(now).unwrap();
        let due = trial.advance(late + LATE_MS, &mut disk, &mut voice);
        let [taken_back, under_way] = due.as_slice() else { panic!("{due:?}") };
        assert_eq!(error_of(taken_back), (8, "the disk does not answer: the order was not carried out"));
        let text = "the disk does not answer: the order is carried out when it does";
        assert_eq!(error_of(under_way), (7, text));
        assert_eq!(trial.written(Done { error: None }, &mut voice), None, "it was answered");
        assert!(trial.status().unwrap().slots[0].entry.is_retired());
    }

    #[test]
    fn a_generation_that_has_failed_reboots_although_the_disk_stalls() {
        let (mut trial, mut disk, mut voice) = (trial(), stalled(), Voice::default());
        assert!(!trial.look(600_000, &mut voice));
        assert_eq!(trial.advance(600_000, &mut disk, &mut voice), []);
        assert_eq!(trial.next_ms(600_000), Some(600_000 + REBOOT_LIMIT_MS));
        let at = 600_000 + REBOOT_LIMIT_MS;
        assert_eq!(trial.advance(at, &mut disk, &mut voice), [Due::Reboot]);
        assert_eq!(trial.written(failed(), &mut voice), None, "it reboots once");
    }

    #[test]
    fn a_generation_that_has_failed_reboots_as_soon_as_the_record_says_so() {
        let (mut trial, mut disk, mut voice) = (trial(), stalled(), Voice::default());
        trial.look(600_000, &mut voice);
        assert_eq!(trial.advance(600_000, &mut disk, &mut voice), []);
        assert_eq!(trial.written(Done { error: None }, &mut voice), Some(Due::Reboot));
        assert_eq!(trial.advance(u64::MAX, &mut disk, &mut voice), []);
    }

    #[test]
    fn a_noded_that_hangs_is_noted_without_a_word_from_anybody() {
        let (mut trial, mut disk, mut voice) = (trial(), stalled(), Voice::default());
        trial.on_health(None, None);
        trial.advance(sys::boot_ms(), &mut disk, &mut voice);
        trial.written(Done { error: None }, &mut voice);
        let stale = trial.next_ms(sys::boot_ms() + 40_000).unwrap();
        assert!(!trial.may_feed(stale, &mut voice));
        assert_eq!(trial.next_ms(stale), Some(stale), "the loop does not sleep before it is written");
        trial.advance(stale, &mut disk, &mut voice);
        trial.written(Done { error: None }, &mut voice);
        assert_eq!(trial.status().unwrap().slots[0].entry.last_failure, Reason::Health);
    }

    #[test]
    fn the_boot_loader_is_answered_until_that_is_written() {
        let (mut trial, mut disk, mut voice) = (trial(), stalled(), Voice::default());
        for done in [failed(), Done { error: None }] {
            trial.on_health(None, None);
            trial.on_health(None, None);
            trial.advance(sys::boot_ms(), &mut disk, &mut voice);
            trial.written(done, &mut voice);
        }
        trial.on_health(None, None);
        assert!(!trial.is_writing());
    }
}

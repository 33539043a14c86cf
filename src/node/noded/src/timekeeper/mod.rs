//! Keeps the clock: sets it where the rules of [`net::time`] say so, remembers on the state partition what is worth
//! remembering, and says what it refused.
//!
//! `noded` alone sets the clock. `init` has no use for the time: it counts from the start of the kernel, and there is
//! neither config nor network before `noded`.

mod clocks;
mod doubt;
mod kept;
mod report;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use net::sntp::{self, Report};
use net::time::{Bounds, Clock, Decision, Evidence, Permission, Trust, bounds, decide, start};

use clocks::{Clocks, OfMachine};
pub use doubt::Doubt;
pub use report::Outcome;

/// A smaller error is left alone: certificates are backdated by an hour, and nothing else is as exact.
const MIN_STEP: Duration = Duration::from_secs(1);

/// The clock and all that is known of it.
#[derive(Debug)]
pub struct Timekeeper {
    clocks: Box<dyn Clocks>,
    kept: PathBuf,
    doubt: Doubt,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    evidence: Evidence,
    trust: Trust,
    anchor: Anchor,
    /// What the servers said last.
    servers: Vec<api::TimeServer>,
    refused: Option<api::TimeRefused>,
}

/// What the clocks showed when the clock was last believed.
#[derive(Clone, Copy, Debug, Default)]
struct Anchor {
    wall: Duration,
    boot: Duration,
    machine: Option<Duration>,
}

/// Why an order was not carried out.
#[derive(Debug)]
pub enum NotSet {
    /// It can't be; why, and what to do about it.
    Refused(String, String),
    /// It failed.
    Failed(anyhow::Error),
}

impl Timekeeper {
    /// A keeper of the machine's clock, which is as it was; `evidence` is without what is kept on the state partition.
    pub fn new(evidence: Evidence, doubt: Doubt) -> Timekeeper {
        Timekeeper::with(Box::new(OfMachine), Path::new(control::CLOCK_PATH), evidence, doubt)
    }

    /// A keeper of `clocks`, with its file at `kept`.
    fn with(clocks: Box<dyn Clocks>, kept: &Path, evidence: Evidence, doubt: Doubt) -> Timekeeper {
        let state = State {
            evidence,
            trust: Trust::New,
            anchor: Anchor::default(),
            servers: Vec::new(),
            refused: None,
        };
        Timekeeper { clocks, kept: kept.to_owned(), doubt, state: Mutex::new(state) }
    }

    /// Sets the clock to where it begins. To be called once, before anything depends on it.
    pub fn begin(&self) {
        let kept = kept::load(&self.kept);
        let mut state = self.lock();
        state.evidence = Evidence { confirmed: kept.confirmed, seen: kept.seen, ..state.evidence };
        let shown = self.clocks.now();
        let begin = start(&state.evidence, shown);
        state.trust = begin.trust;
        if let Some(to) = begin.to {
            let bounds = bounds(&state.evidence, shown);
            eprintln!("noded: the clock shows {}: {}", utc(shown), report::impossible(&bounds, shown));
            if let Err(e) = self.step(shown, to) {
                eprintln!("noded: {e:#}");
            }
        }
        self.anchor(&mut state, self.clocks.now());
        self.record_doubt(&state);
    }

    /// Returns whether the clock is worth nothing yet, so that servers should be asked before it is used.
    pub fn is_unknown(&self) -> bool {
        matches!(self.lock().trust, Trust::Wrong | Trust::New)
    }

    /// Returns whether servers or an operator have said what time it is, since the node started.
    pub fn is_told(&self) -> bool {
        matches!(self.lock().trust, Trust::Set(_) | Trust::Confirmed)
    }

    /// Asks the servers and follows them if it is right to; takes seconds.
    pub fn synchronize(&self, servers: &[String]) -> Outcome {
        self.judge(&sntp::ask_all(servers), Permission::Unattended)
    }

    /// Asks the servers and follows them, however far the step is; takes seconds.
    ///
    /// # Errors
    /// [`NotSet`], with the clock as it was: if they say nothing, different things, or what can't be.
    pub fn accept(&self, servers: &[String]) -> Result<Outcome, NotSet> {
        self.accepted(&sntp::ask_all(servers))
    }

    fn accepted(&self, reports: &[Report]) -> Result<Outcome, NotSet> {
        let outcome = self.judge(reports, Permission::Operator);
        match outcome {
            Outcome::Followed { .. } => Ok(outcome),
            other => Err(NotSet::Refused(
                other.message(),
                "`ironhull node ADDRESS time set` sets the clock to a given time".to_owned(),
            )),
        }
    }

    /// Sets the clock to `time` since 1970, by the order of an operator, and takes it for confirmed.
    ///
    /// # Errors
    /// [`NotSet`], with the clock as it was: if the time is before what the operator made or after the operator CA,
    /// or the kernel refuses.
    pub fn set(&self, time: Duration) -> Result<(), NotSet> {
        let mut state = self.lock();
        let shown = self.clocks.now();
        let bounds = bounds(&state.evidence, shown).for_orders();
        if !bounds.admit(time) {
            let why = format!("it can't be {}: {}", utc(time), report::impossible(&bounds, time));
            return Err(NotSet::Refused(why, "check the time that was given".to_owned()));
        }
        self.step(shown, time).map_err(NotSet::Failed)?;
        state.trust = Trust::Confirmed;
        state.refused = None;
        self.anchor(&mut state, time);
        self.confirm(&mut state, time, Permission::Operator);
        self.record_doubt(&state);
        Ok(())
    }

    /// Keeps what the clock shows, for the next boot.
    ///
    /// # Errors
    /// If the state partition can't be written.
    pub fn keep_seen(&self) -> Result<()> {
        kept::touch(&self.kept, self.clocks.now())
    }

    /// Follows what servers reported, or not.
    fn judge(&self, reports: &[Report], permission: Permission) -> Outcome {
        let mut state = self.lock();
        let shown = self.clocks.now();
        state.servers = reports.iter().map(|r| report::server(r, shown)).collect();
        let answers: Vec<Duration> =
            reports.iter().filter_map(|r| r.answer.as_ref().ok()).map(sntp::Answer::now).collect();
        let (bounds, clock) = (bounds(&state.evidence, shown), self.clock(&state));
        let decision = decide(&bounds, &clock, (&answers, reports.len()), permission);
        if let Decision::Accepted { time, trust, is_anchor } = decision {
            if shown.abs_diff(time) >= MIN_STEP
                && let Err(e) = self.step(shown, time)
            {
                return Outcome::Failed(format!("{e:#}"));
            }
            state.trust = trust;
            if is_anchor {
                self.anchor(&mut state, time);
            }
            if trust == Trust::Confirmed {
                self.confirm(&mut state, time, permission);
            }
        }
        let outcome = report::outcome(&decision, &bounds, &state.servers);
        state.refused = report::refused(&decision, &outcome);
        self.record_doubt(&state);
        outcome
    }

    /// Returns the clock as [`decide`] wants it.
    fn clock(&self, state: &State) -> Clock {
        let Anchor { wall, boot, machine } = state.anchor;
        let elapsed = self.clocks.since_boot().saturating_sub(boot);
        let by_machine = machine.zip(self.clocks.of_machine()).and_then(|(then, now)| now.checked_sub(then));
        let expected = [Some(wall + elapsed), by_machine.map(|passed| wall + passed)];
        Clock { trust: state.trust, expected, elapsed }
    }

    /// Sets the clock, which shows `shown`, and says so.
    fn step(&self, shown: Duration, to: Duration) -> Result<()> {
        self.clocks.set(to)?;
        eprintln!("noded: the clock is set from {} to {}", utc(shown), utc(to));
        // A step is made all the same if it can't be kept; the next quarter of an hour tries again.
        if let Err(e) = self.keep_seen() {
            eprintln!("noded: {e:#}");
        }
        Ok(())
    }

    /// Measures later steps from now, when the clock shows `wall`.
    fn anchor(&self, state: &mut State, wall: Duration) {
        let (boot, machine) = (self.clocks.since_boot(), self.clocks.of_machine());
        state.anchor = Anchor { wall, boot, machine };
    }

    /// Takes a time for confirmed, and keeps it. An order may put it back.
    fn confirm(&self, state: &mut State, time: Duration, permission: Permission) {
        let before = state.evidence.confirmed.filter(|_| permission == Permission::Unattended);
        let confirmed = before.map_or(time, |b| b.max(time));
        state.evidence.confirmed = Some(confirmed);
        if let Err(e) = kept::save(&self.kept, confirmed, self.clocks.now()).context("keeping the time") {
            eprintln!("noded: {e:#}");
        }
    }

    fn record_doubt(&self, state: &State) {
        self.doubt.record(state.trust, &bounds(&state.evidence, self.clocks.now()));
    }

    /// Describes the clock for the node API.
    pub fn describe(&self) -> api::Time {
        let state = self.lock();
        let now = self.clocks.now();
        let Bounds { floor, ground, ceiling, .. } = bounds(&state.evidence, now);
        api::Time {
            now_epoch_secs: now.as_secs(),
            trust: report::trust(state.trust).to_owned(),
            earliest_epoch_secs: floor.as_secs(),
            earliest_by: report::ground(ground).to_owned(),
            latest_epoch_secs: ceiling.map(|c| c.as_secs()),
            machine_epoch_secs: self.clocks.of_machine().map(|m| m.as_secs()),
            servers: state.servers.clone(),
            refused: state.refused.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a time since 1970.
fn utc(time: Duration) -> String {
    api::utc(time.as_secs())
}

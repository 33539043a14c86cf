//! The outcome of a generation after the node goes down, from its boot record.

use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use api::{Boot, Client, ClientError};
use slots::{Flags, Reason, Why};

use super::PAUSE;
use crate::hint::hinted;
use crate::output;

/// Waits until the new generation is blessed or retired.
pub(super) fn wait(client: &Client, generation: u32, end: Instant) -> Result<Boot> {
    let mut told = String::new();
    let mut last = anyhow!("it did not answer");
    while Instant::now() < end {
        match client.status() {
            Ok(status) => {
                let boot = status.boot.context("the node no longer has a boot record")?;
                match outcome(&boot, generation) {
                    Outcome::Held => return Ok(boot),
                    Outcome::GivenUp(why) => return Err(hinted(why, remedy(&boot, generation))),
                    Outcome::Open(what) => {
                        last = anyhow!("{what}");
                        if what != told {
                            output::tell(&what);
                            told = what;
                        }
                    }
                }
            }
            Err(e @ (ClientError::Untrusted { .. } | ClientError::Denied { .. })) => return Err(e.into()),
            Err(e) => last = e.into(),
        }
        std::thread::sleep(PAUSE * 2);
    }
    Err(last.context("the time limit passed before the outcome was known"))
}

/// The outcome of a generation.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It is running and blessed.
    Held,
    /// Another one is running in its place.
    GivenUp(String),
    /// Not known yet.
    Open(String),
}

/// Returns where to look; logs are kept only of a generation that did not become healthy in time.
fn remedy(boot: &Boot, generation: u32) -> String {
    let slot = boot.slots.iter().find(|s| s.generation == generation);
    match slot.is_some_and(|s| s.last_failure == Reason::Deadline.name()) {
        true => format!("its logs are kept: ironhull node ADDRESS logs SERVICE --failed {generation}"),
        false => "the status shows the slots: ironhull node ADDRESS status".to_owned(),
    }
}

/// Decides the outcome according to a boot record.
///
/// If another generation is running, the outcome is open as long as this one may still be started: the node
/// may not be down yet, or somebody started the other slot with boot-once.
fn outcome(boot: &Boot, generation: u32) -> Outcome {
    let Some(slot) = boot.slots.iter().find(|s| s.generation == generation) else {
        return Outcome::GivenUp(format!("generation {generation} is no longer in a slot"));
    };
    if boot.generation == generation {
        if slot.flags.has(Flags::BLESSED) {
            return Outcome::Held;
        }
        let waits = boot.trial.as_ref().map_or("", |t| t.waits_for.as_str());
        return Outcome::Open(format!("generation {generation} is on trial: {waits}"));
    }
    if slot.tries_left > 0 && !slot.flags.has(Flags::RETIRED) {
        let (now, why) =
            (boot.generation, if boot.why == Why::Forced.name() { " by an operator's word" } else { "" });
        return Outcome::Open(format!("generation {now} runs{why}, generation {generation} is next"));
    }
    Outcome::GivenUp(format!(
        "generation {generation} in slot {} was given up ({}); generation {} runs again",
        slot.name, slot.last_failure, boot.generation
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{Slot, Trial};

    /// The flags of a new generation.
    const TRIAL: Flags = Flags::PRESENT.with(Flags::TRIAL);

    /// The boot record while `generation` is running; slot B holds generation 2.
    fn boot(generation: u32, flags: Flags, tries_left: u8, last_failure: &str) -> Boot {
        let slot = |name: &str, generation, flags, tries_left, last_failure: &str| Slot {
            name: name.into(),
            generation,
            flags,
            tries_left,
            last_failure: last_failure.into(),
            ..Slot::default()
        };
        Boot {
            generation,
            slots: vec![
                slot("a", 1, Flags::BLESSED, 9, "none"),
                slot("b", 2, flags, tries_left, last_failure),
            ],
            trial: Some(Trial { waits_for: "NodeReady".into(), ..Trial::default() }),
            ..Boot::default()
        }
    }

    #[test]
    fn the_outcome_is_known_by_the_record() {
        let open = |b| matches!(outcome(&b, 2), Outcome::Open(_));
        assert!(open(boot(2, TRIAL, 0, "none")));
        assert_eq!(outcome(&boot(2, Flags::PRESENT.with(Flags::BLESSED), 9, "none"), 2), Outcome::Held);
        let given_up = outcome(&boot(1, TRIAL.with(Flags::RETIRED), 0, "deadline"), 2);
        let expected = "generation 2 in slot b was given up (deadline); generation 1 runs again";
        assert_eq!(given_up, Outcome::GivenUp(expected.into()));
        let worn_out = outcome(&boot(1, TRIAL, 0, "no-answer"), 2);
        assert!(matches!(worn_out, Outcome::GivenUp(_)));
        assert!(matches!(outcome(&boot(1, Flags::default(), 0, "none"), 3), Outcome::GivenUp(_)));
    }

    #[test]
    fn a_generation_that_may_still_start_is_not_given_up() {
        let waiting = Boot { boots: 8, ..boot(1, TRIAL, 3, "none") };
        assert!(matches!(outcome(&waiting, 2), Outcome::Open(_)));
        let forced = Boot { why: "forced".into(), ..boot(1, TRIAL, 2, "no-answer") };
        let expected = "generation 1 runs by an operator's word, generation 2 is next";
        assert_eq!(outcome(&forced, 2), Outcome::Open(expected.into()));
    }

    #[test]
    fn logs_are_named_only_where_they_are_kept() {
        let of = |why| remedy(&boot(1, Flags::PRESENT.with(Flags::RETIRED), 0, why), 2);
        assert!(of("deadline").ends_with("logs SERVICE --failed 2"));
        assert!(!of("health").contains("--failed") && !of("no-answer").contains("--failed"));
    }
}

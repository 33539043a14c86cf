//! What becomes of a generation once the node goes down, by its boot record.

use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use api::{Boot, Client, ClientError};

use super::PAUSE;
use crate::hint::hinted;
use crate::output;

/// Waits until the new generation is blessed or given up.
pub(super) fn wait(client: &Client, boots: u32, generation: u32, end: Instant) -> Result<Boot> {
    let mut told = String::new();
    let mut last = anyhow!("it did not answer");
    while Instant::now() < end {
        match client.status() {
            Ok(status) => {
                let boot = status.boot.context("the node has no boot record any more")?;
                match outcome(&boot, boots, generation) {
                    Outcome::Held => return Ok(boot),
                    Outcome::GivenUp(why) => {
                        return Err(hinted(
                            why,
                            format!(
                                "the status shows the slots; what it has left when it failed its trial: \
                                 ironhull node ADDRESS logs SERVICE --failed {generation}"
                            ),
                        ));
                    }
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

/// What has become of a generation.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It runs and is blessed.
    Held,
    /// Another one runs in its place.
    GivenUp(String),
    /// Not known yet.
    Open(String),
}

/// Decides what a boot record says; `boots` is what the counter said before the reboot.
fn outcome(boot: &Boot, boots: u32, generation: u32) -> Outcome {
    let Some(slot) = boot.slots.iter().find(|s| s.generation == generation) else {
        return Outcome::GivenUp(format!("generation {generation} is in no slot any more"));
    };
    let has = |flag: &str| slot.flags.iter().any(|f| f == flag);
    if boot.generation == generation {
        if has("blessed") {
            return Outcome::Held;
        }
        let waits = boot.trial.as_ref().map_or("", |t| t.waits_for.as_str());
        return Outcome::Open(format!("generation {generation} is on trial: {waits}"));
    }
    if boot.boots == boots {
        return Outcome::Open("the node goes down".to_owned());
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

    fn boot(generation: u32, boots: u32, flags: &[&str], last_failure: &str) -> Boot {
        let slot = |name: &str, generation, flags: &[&str], last_failure: &str| Slot {
            name: name.into(),
            generation,
            flags: flags.iter().map(|f| (*f).to_owned()).collect(),
            last_failure: last_failure.into(),
            ..Slot::default()
        };
        Boot {
            generation,
            boots,
            slots: vec![slot("a", 1, &["blessed"], "none"), slot("b", 2, flags, last_failure)],
            trial: Some(Trial { waits_for: "NodeReady".into(), ..Trial::default() }),
            ..Boot::default()
        }
    }

    #[test]
    fn the_outcome_is_known_by_the_record() {
        let open = |b| matches!(outcome(&b, 5, 2), Outcome::Open(_));
        assert!(open(boot(1, 5, &["present", "trial"], "none")));
        assert!(open(boot(2, 6, &["present", "trial"], "none")));
        assert_eq!(outcome(&boot(2, 6, &["present", "blessed"], "none"), 5, 2), Outcome::Held);
        let given_up = outcome(&boot(1, 8, &["present", "trial", "retired"], "deadline"), 5, 2);
        let expected = "generation 2 in slot b was given up (deadline); generation 1 runs again";
        assert_eq!(given_up, Outcome::GivenUp(expected.into()));
        assert!(matches!(outcome(&boot(1, 8, &[], "none"), 5, 3), Outcome::GivenUp(_)));
    }
}

//! Watches an upgrade until the reboot, by the node's status and its absence.
//!
//! A node that reboots forgets the upgrade, and may have no time to report it. Then its boot record decides:
//! generation numbers are never reused, so one higher than all previous ones is the one that was installed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use api::{Boot, Client, ClientError, Upgrade, UpgradeStage};

use super::shown::{Watched, line};
use super::{PAUSE, SILENCE};
use crate::hint::hinted;

/// After this time without a response, a node with an installed generation is assumed to reboot.
const GONE: Duration = Duration::from_secs(2);

/// What follows the installation, and the time limit.
#[derive(Clone, Copy)]
pub(super) struct Then {
    pub drain: bool,
    pub reboot: bool,
    pub end: Instant,
}

/// Watches until the generation is installed, and until the node goes down if it reboots. `before` is the
/// boot record before the upgrade. Returns the number of the generation.
pub(super) fn watch(client: &Client, begun: Upgrade, before: &Boot, then: Then) -> Result<u32> {
    let mut step = Watched::default();
    let (mut state, mut answered) = (begun, Instant::now());
    loop {
        step.show(&state);
        let unnamed = || "the node does not say which generation it installed";
        match state.stage {
            UpgradeStage::Failed | UpgradeStage::Cancelled => return Err(failure(&state)),
            UpgradeStage::Rebooting => return state.generation.with_context(unnamed),
            UpgradeStage::Installed if !then.reboot => return state.generation.with_context(unnamed),
            UpgradeStage::None | UpgradeStage::Receiving => {
                if let Ok(status) = client.status() {
                    return by_record(before, &status.boot.unwrap_or_default(), then.reboot);
                }
            }
            _ => {}
        }
        ensure!(Instant::now() < then.end, "the time limit passed while the node was at: {}", line(&state));
        std::thread::sleep(PAUSE);
        match client.upgrade() {
            Ok(next) => (state, answered) = (next, Instant::now()),
            Err(e @ (ClientError::Untrusted { .. } | ClientError::Denied { .. })) => return Err(e.into()),
            Err(e) => match silence(state.stage, then, answered.elapsed()) {
                Silence::Down if state.generation.is_some() => return state.generation.with_context(unnamed),
                Silence::TooLong => return Err(e.into()),
                Silence::Down | Silence::Tolerated => {}
            },
        }
    }
}

/// The meaning of a missing response.
#[derive(Debug, PartialEq, Eq)]
enum Silence {
    /// The node reboots.
    Down,
    /// It may still respond.
    Tolerated,
    /// Something is wrong.
    TooLong,
}

/// Decides the meaning of a missing response after `stage`.
fn silence(stage: UpgradeStage, then: Then, since: Duration) -> Silence {
    use UpgradeStage as S;
    match stage {
        // Installed, and rebooting before it could report that.
        S::Rebooting | S::Installed
            if then.reboot && !(then.drain && stage == S::Installed) && since > GONE =>
        {
            Silence::Down
        }
        // It may have got further without our seeing it; then only the time limit bounds the wait for its
        // return.
        S::Writing | S::Checking | S::Installed | S::Draining | S::Rebooting if then.reboot => {
            Silence::Tolerated
        }
        _ if since > SILENCE => Silence::TooLong,
        _ => Silence::Tolerated,
    }
}

/// Returns the generation installed since `before`, if there is one.
pub(super) fn installed_since(before: &Boot, now: &Boot) -> Option<u32> {
    let latest = |boot: &Boot| boot.slots.iter().map(|s| s.generation).max();
    latest(now).filter(|generation| Some(*generation) > latest(before))
}

/// Decides the outcome of an upgrade that the node no longer knows.
fn by_record(before: &Boot, now: &Boot, reboot: bool) -> Result<u32> {
    let rebooted = now.boots != before.boots;
    match installed_since(before, now) {
        Some(generation) if rebooted || !reboot => Ok(generation),
        Some(generation) => Err(hinted(
            format!(
                "generation {generation} is installed, but noded was restarted before it could reboot the node"
            ),
            "start it: ironhull node ADDRESS reboot",
        )),
        None => Err(hinted(
            format!(
                "the node has lost track of the upgrade: {} was restarted",
                if rebooted { "it" } else { "its noded" }
            ),
            "run the command again: what has arrived is not sent twice",
        )),
    }
}

/// Returns the node's reason and remedy.
fn failure(state: &Upgrade) -> anyhow::Error {
    let error = state.error.clone().unwrap_or_else(|| "the upgrade was cancelled".to_owned());
    match &state.hint {
        Some(hint) => hinted(error, hint.clone()),
        None => anyhow!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use api::Slot;

    use super::*;

    fn boot(boots: u32, generations: [u32; 2]) -> Boot {
        let slots = generations.map(|generation| Slot { generation, ..Slot::default() });
        Boot { boots, slots: slots.into(), generation: 2, ..Boot::default() }
    }

    #[test]
    fn the_record_tells_what_the_node_has_forgotten() {
        // Slot A holds 3, which has failed; 2 is running.
        let before = boot(5, [3, 2]);
        assert_eq!(by_record(&before, &boot(6, [4, 2]), true).unwrap(), 4);
        assert_eq!(by_record(&before, &boot(9, [4, 2]), true).unwrap(), 4);
        assert_eq!(by_record(&before, &boot(5, [4, 2]), false).unwrap(), 4);
        let told = |now, reboot| by_record(&before, &now, reboot).unwrap_err().to_string();
        assert!(told(boot(5, [4, 2]), true).starts_with("generation 4 is installed, but"));
        assert!(told(boot(6, [3, 2]), true).ends_with("it was restarted"));
        assert!(told(boot(5, [3, 2]), true).ends_with("its noded was restarted"));
    }

    #[test]
    fn only_a_node_that_is_about_to_reboot_is_taken_to_be_gone() {
        use UpgradeStage as S;
        let then = |drain, reboot| Then { drain, reboot, end: Instant::now() };
        let (short, long) = (GONE * 2, SILENCE * 2);
        let cases = [
            (S::Rebooting, then(true, true), short, Silence::Down),
            (S::Installed, then(false, true), short, Silence::Down),
            (S::Installed, then(false, true), GONE / 2, Silence::Tolerated),
            (S::Installed, then(true, true), short, Silence::Tolerated),
            (S::Draining, then(true, true), short, Silence::Tolerated),
            (S::Draining, then(true, true), long, Silence::Tolerated),
            (S::Checking, then(false, true), long, Silence::Tolerated),
            (S::Checking, then(false, false), long, Silence::TooLong),
            (S::Verifying, then(false, true), short, Silence::Tolerated),
            (S::Verifying, then(false, true), long, Silence::TooLong),
        ];
        for (stage, then, since, expected) in cases {
            assert_eq!(silence(stage, then, since), expected, "{stage:?} {}", then.drain);
        }
    }
}

//! `ironhull node … upgrade`: a bundle to a node, and what becomes of it.
//!
//! What the node does once it has the bundle is only watched here.

mod outcome;
mod upload;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use api::{Client, Upgrade, UpgradeRequest, UpgradeSource, UpgradeStage};
use inputs::Progress;
use inputs::progress::Unit;
use serde_json::json;

use crate::cmdline::{Global, UpgradeTo};
use crate::hint::hinted;
use crate::output::{self, bytes};
use crate::progress::Shown;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a node that does not answer is asked again before that counts as a failure.
const SILENCE: Duration = Duration::from_secs(120);

/// Runs the command.
pub fn run(global: &Global, client: &Client, options: &UpgradeTo) -> Result<()> {
    let end = Instant::now() + options.time_limit;
    let boots = await_trial(client, end)?;
    let (drain, reboot) = (options.drain, !options.no_reboot);
    let begun = if options.bundle.starts_with("http://") || options.bundle.starts_with("https://") {
        let source = UpgradeSource::Url(options.bundle.clone());
        client.begin_upgrade(&UpgradeRequest { source, drain, reboot })?
    } else {
        upload::upload(client, Path::new(&options.bundle), |source| UpgradeRequest { source, drain, reboot })?
    };
    let installed = watch(client, begun, reboot, end)?;
    let generation = installed.generation.context("the node does not say which generation it installed")?;
    if options.no_reboot || options.no_wait {
        let when = if options.no_reboot { "is started at the next boot" } else { "is being started" };
        let text = format!("generation {generation} is installed and {when}");
        return output::result(global.json, &json!({ "done": text, "generation": generation }), |_| {
            text.clone() + "\n"
        });
    }
    output::tell(&format!("the node reboots into generation {generation}"));
    let boot = outcome::wait(client, boots, generation, end)?;
    let text = format!("generation {generation} in slot {} is healthy and blessed", boot.slot);
    output::result(global.json, &json!({ "done": text, "generation": generation, "boot": boot }), |_| {
        text.clone() + "\n"
    })
}

/// Waits until the running generation is on trial no more: before that it can't be upgraded. Returns how often
/// the node has booted.
fn await_trial(client: &Client, end: Instant) -> Result<u32> {
    let mut told = false;
    loop {
        let boot = client.status()?.boot.unwrap_or_default();
        let Some(trial) = boot.trial else { return Ok(boot.boots) };
        if !told {
            output::tell(&format!("waiting for the trial of generation {} to end", boot.generation));
            told = true;
        }
        ensure!(
            Instant::now() < end,
            "the time limit passed while generation {} waits for: {}",
            boot.generation,
            trial.waits_for
        );
        std::thread::sleep(PAUSE * 2);
    }
}

/// Watches until the generation is installed, and on the way down if the node reboots.
fn watch(client: &Client, begun: Upgrade, reboot: bool, end: Instant) -> Result<Upgrade> {
    let shown = Shown::default();
    let mut step = Watched::default();
    let (mut state, mut answered) = (begun, Instant::now());
    loop {
        step.show(&shown, &state);
        match state.stage {
            UpgradeStage::Failed | UpgradeStage::Cancelled => return Err(failure(&state)),
            UpgradeStage::Rebooting => return Ok(state),
            UpgradeStage::Installed if !reboot => return Ok(state),
            UpgradeStage::None | UpgradeStage::Receiving => {
                return Err(hinted(
                    "the node has forgotten the upgrade: its noded was restarted",
                    "run the command again: what has arrived is not sent twice",
                ));
            }
            _ => {}
        }
        ensure!(Instant::now() < end, "the time limit passed while the node was at: {}", line(&state));
        std::thread::sleep(PAUSE);
        match client.upgrade() {
            Ok(next) => (state, answered) = (next, Instant::now()),
            // Installed, and gone before it could say so.
            Err(_) if reboot && state.generation.is_some() && answered.elapsed() > PAUSE * 4 => {
                return Ok(state);
            }
            Err(e) if answered.elapsed() > SILENCE => return Err(e.into()),
            Err(_) => {}
        }
    }
}

/// The stage that is being shown.
#[derive(Default)]
struct Watched {
    stage: UpgradeStage,
    total: u64,
    since: Option<Instant>,
}

impl Watched {
    /// Shows a state: the end of one stage, the beginning of the next, or how far it is.
    fn show(&mut self, shown: &Shown, state: &Upgrade) {
        if self.stage != state.stage || self.total != state.total_bytes {
            if let Some(since) = self.since.take() {
                shown.finished(name(self.stage), since.elapsed());
            }
            (self.stage, self.total) = (state.stage, state.total_bytes);
            if state.stage.is_busy() {
                self.since = Some(Instant::now());
                let unit = if state.stage == UpgradeStage::Draining { Unit::Items } else { Unit::Bytes };
                shown.started(name(state.stage), unit, Some(state.total_bytes).filter(|t| *t > 0));
            }
        }
        shown.advanced(name(state.stage), state.done_bytes);
    }
}

/// Returns how an upgrade goes, in one line.
pub fn line(upgrade: &Upgrade) -> String {
    let mut text = name(upgrade.stage).to_owned();
    if upgrade.total_bytes > 0 && upgrade.stage != UpgradeStage::Draining {
        let percent = u128::from(upgrade.done_bytes) * 100 / u128::from(upgrade.total_bytes);
        text.push_str(&format!(
            ", {percent} % ({} of {})",
            bytes(upgrade.done_bytes),
            bytes(upgrade.total_bytes)
        ));
    }
    if let Some(b) = &upgrade.bundle {
        text.push_str(&format!(", {} {} (Kubernetes {})", b.name, b.version, b.kubernetes));
    }
    if let Some(generation) = upgrade.generation {
        text.push_str(&format!(", generation {generation}"));
    }
    if let Some(error) = &upgrade.error {
        text.push_str(&format!(": {error}"));
    }
    text
}

/// Returns what a stage is called.
const fn name(stage: UpgradeStage) -> &'static str {
    match stage {
        UpgradeStage::None => "none",
        UpgradeStage::Receiving => "receiving",
        UpgradeStage::Fetching => "fetching",
        UpgradeStage::Verifying => "verifying",
        UpgradeStage::Writing => "writing",
        UpgradeStage::Checking => "reading back",
        UpgradeStage::Installed => "installed",
        UpgradeStage::Draining => "draining",
        UpgradeStage::Rebooting => "rebooting",
        UpgradeStage::Failed => "failed",
        UpgradeStage::Cancelled => "called off",
        UpgradeStage::Unknown => "unknown",
    }
}

/// Returns the node's reason and remedy.
fn failure(state: &Upgrade) -> anyhow::Error {
    let error = state.error.clone().unwrap_or_else(|| "the upgrade was called off".to_owned());
    match &state.hint {
        Some(hint) => hinted(error, hint.clone()),
        None => anyhow!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let upgrade = Upgrade {
            stage: UpgradeStage::Writing,
            done_bytes: 1 << 20,
            total_bytes: 4 << 20,
            generation: Some(2),
            ..Upgrade::default()
        };
        assert_eq!(line(&upgrade), "writing, 25 % (1.0 MiB of 4.0 MiB), generation 2");
        assert_eq!(line(&Upgrade::default()), "none");
    }
}

//! `ironhull node … upgrade`: sends a bundle to a node and reports the outcome.
//!
//! Once the node has the bundle, it does the work; this command only watches.

mod outcome;
mod shown;
mod upload;
mod watch;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use api::{Boot, Client, UpgradeRequest, UpgradeSource};
use serde_json::json;

use crate::cmdline::{Global, UpgradeTo};
use crate::hint::Usage;
use crate::output;

pub use shown::line;
pub(super) use upload::is_passing;

/// Pause between two status requests.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// How long an unresponsive node is retried before that counts as a failure.
pub(super) const SILENCE: Duration = Duration::from_secs(120);

/// Runs the command.
pub fn run(global: &Global, client: &Client, options: &UpgradeTo) -> Result<()> {
    let address = api::WebUrl::new(options.bundle.as_str());
    let web = ["http://", "https://"].iter().any(|scheme| options.bundle.starts_with(scheme));
    if !web && options.bundle.contains("://") {
        return Err(Usage(format!("bundle: expected a file, http:// or https://, found {address}")).into());
    }
    let end = Instant::now() + options.time_limit;
    let before = await_trial(client, end)?;
    let (drain, reboot) = (options.drain, !options.no_reboot);
    let begun = if web {
        let source = UpgradeSource::Url(address);
        client.begin_upgrade(&UpgradeRequest { source, drain, reboot })?
    } else {
        upload::upload(client, Path::new(&options.bundle), &before, |source| UpgradeRequest {
            source,
            drain,
            reboot,
        })?
    };
    let generation = watch::watch(client, begun, &before, watch::Then { drain, reboot, end })?;
    if options.no_reboot || options.no_wait {
        let when = if options.no_reboot { "is started at the next boot" } else { "is being started" };
        let text = format!("generation {generation} is installed and {when}");
        return output::result(global.json, &json!({ "done": text, "generation": generation }), |_| {
            text.clone() + "\n"
        });
    }
    output::tell(&format!("the node reboots into generation {generation}"));
    let boot = outcome::wait(client, generation, end)?;
    let text = format!("generation {generation} in slot {} is healthy and blessed", boot.slot);
    output::result(global.json, &json!({ "done": text, "generation": generation, "boot": boot }), |_| {
        text.clone() + "\n"
    })
}

/// Waits until the running generation is no longer on trial, since it can't be upgraded before. Returns the
/// boot record.
fn await_trial(client: &Client, end: Instant) -> Result<Boot> {
    let mut told = false;
    loop {
        let boot = client.status()?.boot.unwrap_or_default();
        let Some(trial) = &boot.trial else { return Ok(boot) };
        if !told {
            output::tell(&format!("waiting for the trial of generation {} to end", boot.generation));
            told = true;
        }
        ensure!(
            Instant::now() < end,
            "the time limit passed while generation {} waited for: {}",
            boot.generation,
            trial.waits_for
        );
        std::thread::sleep(PAUSE * 2);
    }
}

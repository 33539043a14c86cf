//! `ironhull node … upgrade`: a bundle to a node, and what becomes of it.
//!
//! An upload goes on where it broke off, also in another run of the command: the node knows the file by its
//! digest. What the node then does is only watched.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use api::{
    Boot, Client, ClientError, MAX_PIECE_BYTES, Upgrade, UpgradeRequest, UpgradeSource, UpgradeStage, Upload,
};
use inputs::Progress;
use inputs::progress::Unit;
use serde_json::json;
use sha2::{Digest, Sha256};

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
    let boots = client.status()?.boot.map_or(0, |b| b.boots);
    let (drain, reboot) = (options.drain, !options.no_reboot);
    let begun = if options.bundle.starts_with("http://") || options.bundle.starts_with("https://") {
        let source = UpgradeSource::Url(options.bundle.clone());
        client.begin_upgrade(&UpgradeRequest { source, drain, reboot })?
    } else {
        upload(client, Path::new(&options.bundle), |source| UpgradeRequest { source, drain, reboot })?
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
    let boot = wait(client, boots, generation, end)?;
    let text = format!("generation {generation} in slot {} is healthy and blessed", boot.slot);
    output::result(global.json, &json!({ "done": text, "generation": generation, "boot": boot }), |_| {
        text.clone() + "\n"
    })
}

/// Uploads what the node does not have of a file.
fn upload(
    client: &Client,
    path: &Path,
    request: impl Fn(UpgradeSource) -> UpgradeRequest,
) -> Result<Upgrade> {
    // What is no bundle is told before minutes go into it.
    image::bundle::open(path)?.claims().with_context(|| format!("reading {}", path.display()))?;
    let reading = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(reading)?;
    let (bytes, sha256) = digest(&mut file).with_context(reading)?;
    let request = request(UpgradeSource::Upload(Upload { bytes, sha256 }));
    let shown = Shown::default();
    let step = "upload";
    let began = Instant::now();
    shown.started(step, Unit::Bytes, Some(bytes));
    let mut answered = Instant::now();
    let mut state = client.begin_upgrade(&request)?;
    while state.stage == UpgradeStage::Receiving {
        match send(client, &mut file, state.done_bytes) {
            Ok(next) => {
                answered = Instant::now();
                state = next;
            }
            Err(e) if is_passing(&e) && answered.elapsed() < SILENCE => {
                std::thread::sleep(PAUSE);
                // The node says how far it got.
                if let Ok(next) = client.begin_upgrade(&request) {
                    state = next;
                }
            }
            Err(e) => return Err(e.context(format!("uploading {}", path.display()))),
        }
        shown.advanced(step, state.done_bytes);
    }
    shown.finished(step, began.elapsed());
    Ok(state)
}

/// Sends one piece.
fn send(client: &Client, file: &mut File, offset: u64) -> Result<Upgrade> {
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::with_capacity(MAX_PIECE_BYTES);
    file.by_ref().take(MAX_PIECE_BYTES as u64).read_to_end(&mut piece)?;
    ensure!(!piece.is_empty(), "the file became shorter while it was read");
    Ok(client.upload(offset, &piece)?)
}

/// Returns length and digest of a file.
fn digest(file: &mut File) -> std::io::Result<(u64, String)> {
    let mut context = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 {
            return Ok((bytes, context.finalize().iter().map(|b| format!("{b:02x}")).collect()));
        }
        context.update(&piece[..n]);
        bytes += n as u64;
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

/// Waits until the new generation is blessed or given up.
fn wait(client: &Client, boots: u32, generation: u32, end: Instant) -> Result<Boot> {
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
                            "the status shows the slots; the logs of the failed generation are on the node, \
                             in /state/failed",
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

/// Returns whether the network, not the node, is in the way.
fn is_passing(error: &anyhow::Error) -> bool {
    use ClientError as E;
    matches!(
        error.downcast_ref::<ClientError>(),
        Some(E::Lost { .. } | E::Timeout { .. } | E::Refused { .. } | E::Unreachable { .. })
    )
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

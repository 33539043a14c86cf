//! `ironhull node ADDRESS install --code`: installs a node that runs from an installation medium, and follows it until it
//! reboots.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use api::{ClientError, InstallOrder, InstallStage, Installation, MaintenanceClient};
use serde_json::json;

use crate::cmdline::{Global, InstallTo};
use crate::hint::hinted;
use crate::output;

/// Between two questions how far it is.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the node may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// Runs the command.
pub fn run(
    global: &Global,
    client: &MaintenanceClient,
    options: &InstallTo,
    config: Option<String>,
) -> Result<()> {
    let disk = options.disk.conditions().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let order = InstallOrder { disk, wipe: options.wipe, config };
    let begun = client.install(&order)?;
    let disk = begun.disk.clone();
    let what = if options.no_wait {
        format!("installing to {disk}")
    } else {
        follow(client, begun)?;
        format!("installed to {disk}; the node reboots, and has to start from that disk")
    };
    output::result(global.json, &json!({ "done": what, "disk": disk }), |_| format!("{what}\n"))
}

/// Follows an installation to its end.
fn follow(client: &MaintenanceClient, begun: Installation) -> Result<()> {
    let (mut state, mut answered, mut told) = (begun, Instant::now(), String::new());
    loop {
        let line = line(&state);
        if line != told {
            output::tell(&line);
            told = line;
        }
        match state.stage {
            InstallStage::Done => return Ok(()),
            InstallStage::Failed | InstallStage::Idle => {
                let error = state.error.unwrap_or_else(|| "the node has lost track of it".to_owned());
                let hint = "the disk does not start; the installation can be repeated";
                return Err(hinted(format!("installing to {}: {error}", state.disk), hint));
            }
            _ => {}
        }
        std::thread::sleep(PAUSE);
        match client.installation() {
            Ok(next) => (state, answered) = (next, Instant::now()),
            Err(e @ (ClientError::Untrusted { .. } | ClientError::Denied { .. })) => return Err(e.into()),
            Err(e) if answered.elapsed() > SILENCE => {
                return Err(anyhow!(e).context("the node does not say any more how far it is"));
            }
            Err(_) => {}
        }
    }
}

/// Returns the line about a step, in tenths.
fn line(state: &Installation) -> String {
    let step = match state.stage {
        InstallStage::Writing => "writing",
        InstallStage::Checking => "reading back",
        InstallStage::Committing => "writing the partition table of",
        InstallStage::Done => return format!("{} is complete", state.disk),
        _ => return format!("installing to {}", state.disk),
    };
    let tenths = state.done_bytes.saturating_mul(10).checked_div(state.total_bytes).unwrap_or_default();
    match state.stage {
        InstallStage::Committing => format!("{step} {} …", state.disk),
        _ => format!("{step} {}: {} %", state.disk, 10 * tenths.min(10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_changes_with_step_and_tenth() {
        let of = |stage, done_bytes| {
            line(&Installation { stage, disk: "/dev/vda".into(), done_bytes, total_bytes: 200, error: None })
        };
        assert_eq!(of(InstallStage::Writing, 0), "writing /dev/vda: 0 %");
        assert_eq!(of(InstallStage::Checking, 119), "reading back /dev/vda: 50 %");
        assert_eq!(of(InstallStage::Checking, 500), "reading back /dev/vda: 100 %");
        assert_eq!(of(InstallStage::Committing, 0), "writing the partition table of /dev/vda …");
        assert_eq!(of(InstallStage::Done, 0), "/dev/vda is complete");
        let nothing = Installation { stage: InstallStage::Writing, ..Installation::default() };
        assert_eq!(line(&nothing), "writing : 0 %");
    }
}

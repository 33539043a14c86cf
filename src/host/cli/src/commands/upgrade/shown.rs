//! Displays the progress of an upgrade.

use std::time::Instant;

use api::{Upgrade, UpgradeStage};
use inputs::Progress;
use inputs::progress::Unit;

use crate::output::bytes;
use crate::progress::Shown;

/// The displayed stage.
#[derive(Default)]
pub(super) struct Watched {
    shown: Shown,
    stage: UpgradeStage,
    total: u64,
    since: Option<Instant>,
}

impl Watched {
    /// Displays a state: the end of a stage, the beginning of the next, or progress.
    pub(super) fn show(&mut self, state: &Upgrade) {
        if self.stage != state.stage || self.total != state.total_bytes {
            if let Some(since) = self.since.take() {
                self.shown.finished(name(self.stage), since.elapsed());
            }
            (self.stage, self.total) = (state.stage, state.total_bytes);
            if state.stage.is_busy() {
                self.since = Some(Instant::now());
                let unit = if state.stage == UpgradeStage::Draining { Unit::Items } else { Unit::Bytes };
                self.shown.started(name(state.stage), unit, Some(state.total_bytes).filter(|t| *t > 0));
            }
        }
        self.shown.advanced(name(state.stage), state.done_bytes);
    }
}

/// Returns the state of an upgrade in one line.
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

/// Returns the display name of a stage.
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
        UpgradeStage::Cancelled => "cancelled",
        UpgradeStage::Unknown => "unknown",
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

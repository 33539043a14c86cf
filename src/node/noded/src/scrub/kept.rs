//! The result of the last scrub, stored on the state partition, so that a reboot neither repeats it nor restarts the
//! week, and damage stays known.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::found::Found;

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    /// Seconds since 1970.
    at_epoch_secs: u64,
    /// What it found.
    pub(super) found: Vec<Found>,
}

impl Kept {
    /// A run that has just ended.
    pub(super) fn new(now: Duration, found: Vec<Found>) -> Kept {
        Kept { at_epoch_secs: now.as_secs(), found }
    }

    /// Returns when it ended, since 1970.
    pub(super) fn at(&self) -> Duration {
        Duration::from_secs(self.at_epoch_secs)
    }
}

/// Reads the last run; one that can't be read was none.
pub(super) fn load(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a run, whole or not at all.
pub(super) fn save(path: &Path, kept: &Kept) -> Result<()> {
    durable::replace(path, &serde_json::to_vec(kept)?, 0o644)
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_kept_and_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scrub.json");
        assert_eq!(load(&path), None);
        let found = vec![Found { slot: slots::Slot::A, generation: 3, damage: None }];
        let kept = Kept::new(Duration::from_secs(77), found);
        save(&path, &kept).unwrap();
        assert_eq!(load(&path), Some(kept));
        fs::write(&path, "{").unwrap();
        assert_eq!(load(&path), None);
    }
}

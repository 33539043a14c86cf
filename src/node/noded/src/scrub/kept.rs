//! The result of the last scrub, stored on the state partition, so that a reboot neither repeats it nor
//! restarts the week, and damage stays known.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::found::Found;

/// The result of a scrub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    /// When it ended, in seconds since 1970.
    at_epoch_secs: u64,
    /// What was found.
    pub(super) found: Vec<Found>,
}

impl Kept {
    /// Returns the result of a scrub that has just ended.
    pub(super) fn new(now: Duration, found: Vec<Found>) -> Kept {
        Kept { at_epoch_secs: now.as_secs(), found }
    }

    /// Returns when it ended, since 1970.
    pub(super) fn at(&self) -> Duration {
        Duration::from_secs(self.at_epoch_secs)
    }
}

/// Loads the last result; `None` if there is none or it can't be read.
pub(super) fn load(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Stores a result atomically.
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

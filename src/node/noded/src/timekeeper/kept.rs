//! What is kept of the time on the state partition: in the file, the latest time that was confirmed; as its time of
//! change, what the clock showed last.
//!
//! `init` touches the file when the machine goes down, and needs to know nothing but its path. A file that is damaged
//! or missing says nothing.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use durable::Draft;

/// Longest content: the digits of a number of 64 bits, and a line end.
const MAX_BYTES: u64 = 21;

/// What is kept, as times since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) confirmed: Option<Duration>,
    pub(super) seen: Option<Duration>,
}

/// Reads what is kept; what can't be read was not.
pub(super) fn load(path: &Path) -> Kept {
    let Ok(file) = File::open(path) else { return Kept::default() };
    let changed = file.metadata().and_then(|m| m.modified()).ok();
    let seen = changed.and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
    let confirmed = read.ok().and_then(|_| text.strip_suffix('\n')?.parse().ok()).map(Duration::from_secs);
    Kept { confirmed, seen }
}

/// Keeps a confirmed time, and that the clock shows `now`.
///
/// # Errors
/// If it can't be written: what was kept is unchanged.
pub(super) fn save(path: &Path, confirmed: Duration, now: Duration) -> Result<()> {
    let replace = || {
        let draft = Draft::write(path, format!("{}\n", confirmed.as_secs()).as_bytes())?;
        draft.file().set_permissions(Permissions::from_mode(0o644))?;
        draft.file().set_modified(UNIX_EPOCH + now)?;
        draft.sync()?;
        draft.publish()?;
        durable::sync_directory(path.parent().unwrap_or(Path::new("/")))
    };
    replace().with_context(|| format!("writing {}", path.display()))
}

/// Keeps what the clock shows, `now`.
///
/// # Errors
/// If it can't be written.
pub(super) fn touch(path: &Path, now: Duration) -> Result<()> {
    let opened = match File::options().write(true).open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => File::create(path),
        other => other,
    };
    let touched = opened.and_then(|file| {
        file.set_modified(UNIX_EPOCH + now)?;
        file.sync_all()
    });
    touched.with_context(|| format!("changing the time of {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn both_times_are_kept_and_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        assert_eq!(load(&path), Kept::default());
        let at = Duration::from_secs;
        touch(&path, at(1_790_000_000)).unwrap();
        assert_eq!(load(&path), Kept { confirmed: None, seen: Some(at(1_790_000_000)) });
        save(&path, at(1_780_000_000), at(1_785_000_000)).unwrap();
        let both = Kept { confirmed: Some(at(1_780_000_000)), seen: Some(at(1_785_000_000)) };
        assert_eq!(load(&path), both);
        touch(&path, at(1_800_000_000)).unwrap();
        let both = Kept { confirmed: Some(at(1_780_000_000)), seen: Some(at(1_800_000_000)) };
        assert_eq!(load(&path), both);
        assert!(touch(&folder.path().join("absent/clock"), at(1)).is_err());
    }

    #[test]
    fn nonsense_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        let long = "1".repeat(100_000);
        for text in
            ["", "\n", "1790000000", "-1\n", "1 2\n", "1\n2\n", "99999999999999999999\n", "\0\0\0\n", &long]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(load(&path).confirmed, None, "{text:.20}");
        }
        fs::write(&path, [0xff, b'\n']).unwrap();
        assert_eq!(load(&path).confirmed, None);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(load(&path).confirmed, None);
    }
}

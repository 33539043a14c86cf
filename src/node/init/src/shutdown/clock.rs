//! Keeps what the clock shows when the machine goes down, for a machine whose own clock may be reset meanwhile.
//!
//! `noded` keeps it every quarter of an hour, as the time at which a file was changed. Here that file is touched once
//! more; but only if the clock is the one that `noded` has kept, and not one that it has not seen yet.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long ago `noded` may have kept the time: it does so more often.
const RECENT: Duration = Duration::from_secs(3600);

/// Touches the file, if there is one that was changed within the last hour by the clock, which shows `now`.
pub(super) fn keep(path: &Path, now: SystemTime) -> io::Result<()> {
    let file = match File::options().write(true).open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    match now.duration_since(file.metadata()?.modified()?) {
        Ok(ago) if ago <= RECENT => file.set_modified(now),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_was_kept_lately_is_kept() {
        let path = std::env::temp_dir().join(format!("init-clock-{}", std::process::id()));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        assert!(keep(&path, now).is_ok() && !path.exists());
        let (hour, year) = (Duration::from_secs(3600), Duration::from_secs(365 * 86_400));
        let cases = [
            (now - hour / 2, true),
            (now, true),
            (now - 2 * hour, false),
            // A clock that was reset, and one that is years ahead, before noded has looked at them.
            (now + year, false),
            (now - year, false),
        ];
        for (kept, is_touched) in cases {
            File::create(&path).unwrap().set_modified(kept).unwrap();
            keep(&path, now).unwrap();
            let after = std::fs::metadata(&path).unwrap().modified().unwrap();
            assert_eq!(after, if is_touched { now } else { kept });
        }
        std::fs::remove_file(&path).unwrap();
    }
}

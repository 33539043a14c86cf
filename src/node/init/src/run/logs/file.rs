//! The file of a log: `NAME.log`, and `NAME.log.1` when that was full.
//!
//! Lines are buffered and written at most once a second, so that an idle node writes little. On a full disk lines are
//! lost, but the service is never blocked: its output is still read.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the files are.
pub(super) const DIRECTORY: &str = "/var/log/ironhull";
/// Length in bytes at which a file is put aside.
const MAX_FILE_BYTES: u64 = 10 << 20;
/// Gathered bytes that are written at once.
const MAX_BUFFER_BYTES: usize = 16 << 10;
/// Milliseconds that a line waits at most to be written.
const FLUSH_MS: u64 = 1_000;

/// A rotated file.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<(File, u64)>,
    buffer: Vec<u8>,
    /// When the gathered lines are due.
    pub(super) due_ms: Option<u64>,
}

impl LogFile {
    /// Returns the file of a service; it is opened by the first line.
    pub(super) fn of(service: &str) -> LogFile {
        let path = PathBuf::from(format!("{DIRECTORY}/{service}.log"));
        LogFile { path, file: None, buffer: Vec::new(), due_ms: None }
    }

    /// Adds a line.
    pub(super) fn push(&mut self, line: &str, now_ms: u64) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.buffer.extend_from_slice(format!("{} {line}\n", timestamp(wall.as_millis())).as_bytes());
        self.due_ms.get_or_insert(now_ms + FLUSH_MS);
        if self.buffer.len() >= MAX_BUFFER_BYTES {
            self.flush();
        }
    }

    /// Writes what was gathered; what cannot be written is dropped.
    pub(super) fn flush(&mut self) {
        self.due_ms = None;
        let buffer = std::mem::take(&mut self.buffer);
        if self.file.is_none() {
            self.file = self.open();
        }
        let Some((file, length)) = &mut self.file else { return };
        if file.write_all(&buffer).is_err() {
            self.file = None;
            return;
        }
        *length += buffer.len() as u64;
        if *length >= MAX_FILE_BYTES {
            self.file = None;
            // If it stays, it grows on until the next try.
            drop(fs::rename(&self.path, self.path.with_extension("log.1")));
        }
    }

    fn open(&self) -> Option<(File, u64)> {
        let file = File::options().append(true).create(true).open(&self.path).ok()?;
        let length = file.metadata().ok()?.len();
        Some((file, length))
    }
}

/// Returns milliseconds since 1970 as UTC time: `2026-11-21T08:00:00.123Z`.
fn timestamp(ms: u128) -> String {
    let (secs, ms) = (ms / 1000, ms % 1000);
    let (days, second) = (secs / 86_400, secs % 86_400);
    let (year, month, day) = civil(days);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
}

/// Returns year, month and day of the Gregorian calendar, `days` after 1970-01-01: Hinnant's algorithm
/// `civil_from_days`, which counts years from March so that the leap day comes last.
fn civil(days: u128) -> (u128, u128, u128) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + u128::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_248_000_123, "2026-11-21T08:00:00.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (ms, text) in cases {
            assert_eq!(timestamp(ms), text);
        }
    }

    #[test]
    fn a_full_file_is_put_aside() {
        let directory = std::env::temp_dir().join(format!("init-log-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut log = LogFile { path: directory.join("x.log"), ..LogFile::of("x") };
        let line = "y".repeat(MAX_BUFFER_BYTES);
        for _ in 0..=MAX_FILE_BYTES / MAX_BUFFER_BYTES as u64 {
            log.push(&line, 0);
        }
        log.flush();
        let length = |name| fs::metadata(directory.join(name)).map_or(0, |m| m.len());
        assert!(length("x.log.1") >= MAX_FILE_BYTES);
        assert!((1..MAX_FILE_BYTES).contains(&length("x.log")));
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_missing_directory_costs_the_lines_only() {
        let mut log = LogFile { path: "/nonexistent/x.log".into(), ..LogFile::of("x") };
        log.push("lost", 5);
        assert_eq!(log.due_ms, Some(1005));
        log.flush();
        assert_eq!((log.due_ms, log.buffer.len()), (None, 0));
    }
}

//! Messages of PID 1: to the kernel log, to the console, and to its own log.
//!
//! Errors go to the kernel log at a level that it prints on every console, serial ones too; all else is
//! printed on `/dev/console` by ourselves, as `quiet` keeps the kernel from it. Never waits: a console
//! that does not take a line loses it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use control::LogLine;

/// `O_NONBLOCK | O_NOCTTY`.
const OPEN_FLAGS: i32 = 0o4000 | 0o400;
/// Kernel log level of errors and of all else.
const ERROR: u8 = 3;
const INFO: u8 = 6;
/// Lines kept until the log takes them.
const KEPT_LINES: usize = 256;
/// Longest text in bytes: the kernel refuses a record of more than 1024.
const MAX_TEXT_BYTES: usize = 960;

/// The ways to be heard.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    kernel_log: Option<File>,
    console: Option<File>,
    /// The kernel prints messages of a level below this by itself.
    printed_below: u8,
    kept: VecDeque<LogLine>,
}

impl Voice {
    /// Opens kernel log and console; `/dev` and `/proc` must be there. What cannot be opened stays mute.
    pub(crate) fn open(&mut self) {
        let open = |path| File::options().write(true).custom_flags(OPEN_FLAGS).open(path).ok();
        // The default limits user space to a few lines each second.
        drop(std::fs::write("/proc/sys/kernel/printk_devkmsg", "on\n"));
        self.kernel_log = open("/dev/kmsg");
        self.console = open("/dev/console");
        let levels = std::fs::read_to_string("/proc/sys/kernel/printk").unwrap_or_default();
        self.printed_below = parse_console_level(&levels);
    }

    /// Says something that is in order.
    pub(crate) fn info(&mut self, text: &str) {
        self.say(INFO, text);
    }

    /// Says something that is not.
    pub(crate) fn error(&mut self, text: &str) {
        self.say(ERROR, text);
    }

    /// Returns the value, or says why there is none.
    pub(crate) fn said<T, E: std::fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.error(&format!("{e:#}"))).ok()
    }

    /// Takes what was said since the last time, for the log.
    pub(crate) fn take_kept(&mut self) -> Vec<LogLine> {
        self.kept.drain(..).collect()
    }

    /// Keeps lines for the log that were said elsewhere.
    pub(crate) fn keep(&mut self, lines: Vec<LogLine>) {
        for line in lines {
            if self.kept.len() >= KEPT_LINES {
                self.kept.pop_front();
            }
            self.kept.push_back(line);
        }
    }

    fn say(&mut self, level: u8, text: &str) {
        let text = shortened(text, MAX_TEXT_BYTES);
        // One write is one record.
        let record = format!("<{level}>ironhull: {text}");
        let logged = self.kernel_log.as_mut().map(|log| log.write_all(record.as_bytes()));
        let printed = matches!(logged, Some(Ok(()))) && level < self.printed_below;
        if let Some(console) = self.console.as_mut().filter(|_| !printed) {
            // Nobody to tell that the console is gone.
            drop(console.write_all(format!("ironhull: {text}\r\n").as_bytes()));
        }
        self.keep(vec![LogLine { at_ms: sys::boot_ms(), text: text.to_owned() }]);
    }
}

/// Returns the beginning of a text, at most `bytes` long.
pub(crate) fn shortened(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Returns the level below which the kernel prints messages; 0 if that is not to be read.
fn parse_console_level(text: &str) -> u8 {
    text.split_whitespace().next().and_then(|w| w.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let mut voice = Voice::default();
        voice.error(&"ä".repeat(1000));
        assert_eq!(voice.take_kept()[0].text.len(), MAX_TEXT_BYTES);
        assert_eq!((shortened("aä", 2), shortened("aä", 3), shortened("", 2)), ("a", "aä", ""));
    }

    #[test]
    fn console_level_is_the_first_number() {
        assert_eq!(parse_console_level("4\t4\t1\t7\n"), 4);
        assert_eq!(parse_console_level(""), 0);
    }

    #[test]
    fn what_was_said_is_kept_once_and_bounded() {
        let mut voice = Voice::default();
        (0..300).for_each(|n| voice.info(&n.to_string()));
        let kept = voice.take_kept();
        assert_eq!((kept.len(), kept[255].text.as_str()), (KEPT_LINES, "299"));
        assert!(voice.take_kept().is_empty());
    }
}

//! Console messages that must be visible at any log level of the kernel.

use std::fs::OpenOptions;
use std::io::Write;

/// Writes a text to the log and to the console.
pub fn announce(text: &str) {
    eprintln!("{text}");
    let console = OpenOptions::new().write(true).open("/dev/console");
    // The text is in the log even if there is no console.
    if let Ok(mut console) = console {
        let _ = console.write_all(format!("{}\r\n", text.replace('\n', "\r\n")).as_bytes());
    }
}

//! Console messages that must be visible at any log level of the kernel.

use std::fs::OpenOptions;
use std::io::Write;

/// Writes a text to the log and to the console.
pub fn announce(text: &str) {
    eprintln!("{text}");
    show(text);
}

/// Writes a text to the console alone.
pub fn show(text: &str) {
    let console = OpenOptions::new().write(true).open("/dev/console");
    // A machine may have none.
    if let Ok(mut console) = console {
        let _ = console.write_all(format!("{}\r\n", text.replace('\n', "\r\n")).as_bytes());
    }
}

//! A running machine, and the lines on its serial port with the times at which they arrived.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::tool;

/// Time limit for a line, against hanging; not a measurement.
const LIMIT: Duration = Duration::from_secs(300);

/// A running machine. Its power is cut when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    coming: Receiver<(Instant, String)>,
    /// The lines so far, with their times.
    pub lines: Vec<(Instant, String)>,
}

impl Running {
    /// Starts a machine whose serial port is standard output.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn start(mut command: Command) -> Running {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("running {command:?}: {e}"));
        let mut output = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let (sender, coming) = channel();
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if sender.send((Instant::now(), text)).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Running { child, coming, lines: Vec::new() }
    }

    /// Waits for a line that contains `text`, which may have arrived already; returns its time and the line.
    ///
    /// # Panics
    /// If the machine ends without it, or after five minutes.
    pub fn wait_for(&mut self, text: &str) -> (Instant, String) {
        if let Some(found) = self.lines.iter().find(|(_, line)| line.contains(text)) {
            return found.clone();
        }
        let end = Instant::now() + LIMIT;
        loop {
            match self.coming.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.lines.push(line.clone());
                    if line.1.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => panic!("ended without {text:?}:\n{}", self.said()),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("still no {text:?} after {} s:\n{}", LIMIT.as_secs(), self.said())
                }
            }
        }
    }

    /// Quits QEMU cleanly, so that its own writes are complete; the guest does not notice.
    ///
    /// # Panics
    /// If the signal can't be sent.
    pub fn end(mut self) {
        tool::run("kill", &[self.child.id().to_string()]);
        self.child.wait().expect("waiting for QEMU");
    }

    /// Returns all lines so far.
    fn said(&self) -> String {
        self.lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

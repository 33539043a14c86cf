//! A machine that runs, and the lines of its serial port with the times at which they came.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::tool;

/// How long a line may take: a limit against hanging, no figure.
const LIMIT: Duration = Duration::from_secs(300);

/// A machine that runs. Its power is cut when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    coming: Receiver<(Instant, String)>,
    /// The lines that have come, each with its time.
    pub lines: Vec<(Instant, String)>,
}

impl Running {
    /// Starts a machine whose serial line is standard output.
    ///
    /// # Panics
    /// When it can't be started.
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

    /// Waits for a line with `text`, which may have come already; returns its time and the line.
    ///
    /// # Panics
    /// When the machine ends without it, or takes five minutes.
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

    /// Ends QEMU in order: what it does itself is done to the end, the guest knows nothing of it.
    ///
    /// # Panics
    /// When it can't be told.
    pub fn end(mut self) {
        tool::run("kill", &[self.child.id().to_string()]);
        self.child.wait().expect("waiting for QEMU");
    }

    /// Returns all that has come.
    fn said(&self) -> String {
        self.lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

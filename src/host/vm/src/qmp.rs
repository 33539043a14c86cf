//! QEMU's control socket: one JSON object per line.
//!
//! QEMU serves one client at a time, so each connection serves one purpose and is closed. Events are ignored:
//! whether a machine is running is decided by its process, not by this socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::VmError;

/// Time limit for an answer; after it QEMU counts as stuck.
const LIMIT: Duration = Duration::from_secs(10);

/// A connection with capabilities negotiated.
#[derive(Debug)]
pub(crate) struct Qmp {
    reader: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// [`VmError::Qmp`] if nobody listens, there is no answer in time, or the answer is not QEMU's.
    pub(crate) fn connect(path: &Path) -> Result<Qmp, VmError> {
        let stream = UnixStream::connect(path).map_err(said)?;
        stream.set_read_timeout(Some(LIMIT)).map_err(said)?;
        let mut qmp = Qmp { reader: BufReader::new(stream) };
        let greeting = qmp.read()?;
        if greeting.get("QMP").is_none() {
            return Err(VmError::Qmp(format!("expected a greeting, found {greeting}")));
        }
        qmp.execute("qmp_capabilities")?;
        Ok(qmp)
    }

    /// Executes a command without arguments.
    ///
    /// # Errors
    /// [`VmError::Qmp`] if QEMU refuses the command or does not answer in time; in the latter case it may
    /// still execute it.
    pub(crate) fn execute(&mut self, command: &str) -> Result<Value, VmError> {
        let line = format!("{}\n", json!({ "execute": command }));
        self.reader.get_mut().write_all(line.as_bytes()).map_err(said)?;
        loop {
            let answer = self.read()?;
            if let Some(value) = answer.get("return") {
                return Ok(value.clone());
            }
            if let Some(error) = answer.get("error") {
                return Err(VmError::Qmp(format!(
                    "{command}: {}",
                    error["desc"].as_str().unwrap_or("refused")
                )));
            }
        }
    }

    /// Reads one object.
    fn read(&mut self) -> Result<Value, VmError> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).map_err(said)? == 0 {
            return Err(VmError::Qmp("the connection was closed".to_owned()));
        }
        serde_json::from_str(&line).map_err(|e| VmError::Qmp(format!("expected JSON, found {line:?}: {e}")))
    }
}

/// Converts an I/O error of the socket.
fn said(error: std::io::Error) -> VmError {
    VmError::Qmp(error.to_string())
}

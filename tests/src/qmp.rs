//! Asks QEMU how much its guest has written, slows its disk down, unplugs a cable; one connection for each request.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Time limit for a response.
const LIMIT: Duration = Duration::from_secs(10);
/// The machine's disk, as named by `ironhull run`.
const DISK: &str = "disk0";

/// Returns how many bytes the guest has written to its disk since power-on.
///
/// # Errors
/// If QEMU does not answer, or has no such disk.
pub fn written_bytes(socket: &Path) -> Result<u64> {
    let answer = execute(&mut connect(socket)?, "query-blockstats", &json!({}))?;
    written(&answer).with_context(|| format!("query-blockstats: no {DISK} in {answer}"))
}

/// Lets the guest's disk transfer `bytes` in a second; 0 as many as it can.
///
/// # Errors
/// If QEMU does not answer, or refuses.
pub fn throttle(socket: &Path, bytes: u64) -> Result<()> {
    let mut limits = json!({ "device": DISK, "bps": bytes });
    for other in ["bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"] {
        limits[other] = json!(0);
    }
    execute(&mut connect(socket)?, "block_set_io_throttle", &limits).map(drop)
}

/// Unplugs the cable of a network adapter, or plugs it in.
///
/// # Errors
/// If QEMU does not answer, or has no such adapter.
pub fn set_link(socket: &Path, adapter: &str, plugged: bool) -> Result<()> {
    let arguments = json!({ "name": adapter, "up": plugged });
    execute(&mut connect(socket)?, "set_link", &arguments).map(drop)
}

/// Connects and says hello.
fn connect(socket: &Path) -> Result<BufReader<UnixStream>> {
    let stream =
        UnixStream::connect(socket).with_context(|| format!("connecting to {}", socket.display()))?;
    stream.set_read_timeout(Some(LIMIT)).context("setting a time limit")?;
    let mut reader = BufReader::new(stream);
    read(&mut reader)?;
    execute(&mut reader, "qmp_capabilities", &json!({}))?;
    Ok(reader)
}

/// Finds the disk's counter in the response.
fn written(answer: &Value) -> Option<u64> {
    let disk = answer.as_array()?.iter().find(|d| d["device"] == DISK)?;
    disk["stats"]["wr_bytes"].as_u64()
}

/// Executes a command.
fn execute(stream: &mut BufReader<UnixStream>, command: &str, arguments: &Value) -> Result<Value> {
    let line = format!("{}\n", json!({ "execute": command, "arguments": arguments }));
    stream.get_mut().write_all(line.as_bytes()).context("writing to QEMU")?;
    loop {
        let mut answer = read(stream)?;
        if let Some(error) = answer.get("error") {
            bail!("{command}: {error}");
        }
        // Events may come in between.
        if let Some(value) = answer.get_mut("return") {
            return Ok(value.take());
        }
    }
}

/// Reads one object.
fn read(stream: &mut BufReader<UnixStream>) -> Result<Value> {
    let mut line = String::new();
    let length = stream.read_line(&mut line).context("reading from QEMU")?;
    if length == 0 {
        bail!("QEMU closed the connection");
    }
    serde_json::from_str(&line).with_context(|| format!("expected JSON, found {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_found_among_flash() {
        let answer = serde_json::json!([
            { "device": "pflash0", "stats": { "wr_bytes": 1 } },
            { "device": "disk0", "stats": { "wr_bytes": 4096 } },
        ]);
        assert_eq!(written(&answer), Some(4096));
        assert_eq!(written(&Value::Null), None);
    }
}

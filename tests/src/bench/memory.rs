//! Memory of a node with one pod, as reported by the node once its programs collect their garbage.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::row::{Goal, Row, Value};
use super::shared::Shared;

/// Maximum memory use of the node.
const GOAL_NODE: Value = Value::Bytes(320_000_000);
/// Maximum memory use of PID 1.
const GOAL_INIT: Value = Value::Bytes(4_000_000);

/// By then the Kubernetes programs, which collect no garbage in their first minute, have returned unused
/// memory.
const SETTLED_MS: u64 = 180_000;

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let node = &shared.booted()?.node;
    let mut status = node.ask(&["status"]);
    while status["uptimeMs"].as_u64().is_some_and(|up| up < SETTLED_MS) {
        thread::sleep(Duration::from_secs(1));
        status = node.ask(&["status"]);
    }
    let bytes = |key: &str| status["memory"][key].as_u64().unwrap_or(0);
    let (used, init) = (bytes("usedBytes"), bytes("initBytes"));
    ensure!(used > 0 && init > 0, "the node does not tell its memory: {}", status["memory"]);
    let up = Value::millis(status["uptimeMs"].as_u64().unwrap_or(0));
    Ok(vec![
        Row::new("resident memory of PID 1", Value::Bytes(init), Goal::AtMost(GOAL_INIT)),
        Row::new(format!("memory in use with one pod, up {up}"), Value::Bytes(used), Goal::AtMost(GOAL_NODE)),
    ])
}

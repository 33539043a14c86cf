//! Memory of a node with one pod, as the node tells it.

use anyhow::{Result, ensure};

use super::row::{Goal, Row, Value};
use super::shared::Shared;

/// What the whole node may have in use.
const GOAL_NODE: Value = Value::Bytes(320_000_000);
/// What PID 1 may hold.
const GOAL_INIT: Value = Value::Bytes(4_000_000);

/// Measures it.
pub fn measure(shared: &mut Shared) -> Result<Vec<Row>> {
    let status = shared.booted()?.node.ask(&["status"]);
    let bytes = |key: &str| status["memory"][key].as_u64().unwrap_or(0);
    let (used, init) = (bytes("usedBytes"), bytes("initBytes"));
    ensure!(used > 0 && init > 0, "the node does not tell its memory: {}", status["memory"]);
    let up = Value::millis(status["uptimeMs"].as_u64().unwrap_or(0));
    Ok(vec![
        Row::new("resident memory of PID 1", Value::Bytes(init), Goal::AtMost(GOAL_INIT)),
        Row::new(format!("memory in use with one pod, up {up}"), Value::Bytes(used), Goal::AtMost(GOAL_NODE)),
    ])
}
